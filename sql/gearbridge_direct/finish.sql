-- Who may use gearbridge may use what has come with this, as far as it was granted.
DO $finish$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'gearbridge_direct') THEN
        -- As for gearbridge.role_right: by the names that the roles have when they are dumped.
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.allowed_servers', $rows$
            WHERE false UNION ALL
            SELECT coalesce(known.rolname, allowed.role), allowed.servers
            FROM gearbridge.allowed_servers AS allowed LEFT JOIN pg_catalog.pg_roles AS known ON known.oid = allowed.role_oid
            WHERE allowed.role = 'public' OR known.oid IS NOT NULL$rows$);
    END IF;
END
$finish$;
\i gearbridge/own.sql
