-- Who may use gearbridge may use what has come with this, as far as it was granted.
DO $finish$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'gearbridge_direct') THEN
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.allowed_servers', '');
    END IF;
    PERFORM gearbridge._apply_rights(role) FROM (SELECT DISTINCT role FROM gearbridge.role_right) AS granted;
END
$finish$;
