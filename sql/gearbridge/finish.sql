DO $finish$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'gearbridge') THEN
        -- pg_dump leaves an extension's tables out, unless it is told that their rows are somebody's.
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.role_right', '');
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_job', '');
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_job_id_seq', '');
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_limit', '');
        -- A restored job may have an owner still, whose epoch must not be given to a node of the present.
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_node_epoch_seq', '');
    END IF;
    PERFORM gearbridge._apply_rights(pg_catalog.pg_get_userbyid(gearbridge._owner()));
END
$finish$;
