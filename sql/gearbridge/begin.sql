-- While this script runs, names are looked for in pg_catalog and nowhere else: what somebody has prepared in the schema
-- that takes gman_*, or in public, is bound to nothing. So each object is made with its schema.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
