-- gearbridge: the common part, in PL/pgSQL only, for any PostgreSQL from 15 on, managed ones too.
-- Read from top to bottom, this file is the extension's table of contents.

-- Group: the schema
-- What users call is in the schema that CREATE EXTENSION was given (public, if nothing is said) and is named gman_*.
-- What only administrators and our own functions use is in schema gearbridge.
\i gearbridge/schema.sql

-- Group: about itself
\i gearbridge/gman_version.sql
