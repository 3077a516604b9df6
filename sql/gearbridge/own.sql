DO $own$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'gearbridge') THEN
        -- A plain script is one transaction, which nobody else writes in.
        INSERT INTO gearbridge.own_object (kind, name)
        SELECT 'routine', routine.oid::regprocedure::text FROM pg_catalog.pg_proc AS routine
        WHERE routine.xmin = pg_catalog.pg_current_xact_id()::xid
            AND routine.pronamespace IN ('gearbridge'::regnamespace, '@extschema@'::regnamespace)
        UNION
        SELECT 'relation', relation.oid::regclass::text FROM pg_catalog.pg_class AS relation
        WHERE relation.relkind IN ('r', 'v', 'S') AND (
            relation.relnamespace = 'gearbridge'::regnamespace
            OR (relation.relnamespace = '@extschema@'::regnamespace AND relation.xmin = pg_catalog.pg_current_xact_id()::xid)
        )
        ON CONFLICT DO NOTHING;
    END IF;
    PERFORM gearbridge._apply_rights();
END
$own$;
