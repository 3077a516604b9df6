-- Both extensions as one script, for a server whose directory of extensions cannot be written. A superuser runs it.
CREATE EXTENSION IF NOT EXISTS plpython3u;
\i gearbridge.sql
\i gearbridge_direct.sql
