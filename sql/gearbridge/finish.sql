DO $finish$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'gearbridge') THEN
        -- pg_dump leaves an extension's tables out, unless it is told that their rows are somebody's. It reads what stands
        -- here behind the table's name: a role that was renamed is dumped by the name that it has now.
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.role_right', $rows$
            WHERE false UNION ALL
            SELECT coalesce(known.rolname, granted.role), granted."right", granted.pattern
            FROM gearbridge.role_right AS granted LEFT JOIN pg_catalog.pg_roles AS known ON known.oid = granted.role_oid
            WHERE granted.role = 'public' OR known.oid IS NOT NULL$rows$);
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_job', '');
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_job_id_seq', '');
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_limit', '');
        -- A restored job may have an owner still, whose epoch must not be given to a node of the present.
        PERFORM pg_catalog.pg_extension_config_dump('gearbridge.gearbridge_node_epoch_seq', '');
    END IF;
END
$finish$;
\i gearbridge/own.sql
