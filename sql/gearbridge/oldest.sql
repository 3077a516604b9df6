-- What is older was never tried, and lacks what is used below. Say so before anything is made.
DO $oldest$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer OPERATOR(pg_catalog./) 10000 OPERATOR(pg_catalog.<) @oldest@ THEN
        RAISE feature_not_supported USING MESSAGE = 'gearbridge needs PostgreSQL @oldest@ or later';
    END IF;
END
$oldest$;
