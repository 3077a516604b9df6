-- The job table, as the stores define it, or the one that a server made here before: its jobs stay. That one must be as
-- ours would be: no column, default, constraint or index that ours has not, no trigger, rule, policy or child.
DO $tables$
DECLARE
    fault text;
BEGIN
IF pg_catalog.to_regclass('gearbridge.gearbridge_job') IS NULL THEN
\tables postgresql gearbridge
ELSE
    LOCK TABLE gearbridge.gearbridge_job, gearbridge.gearbridge_node, gearbridge.gearbridge_limit, gearbridge.gearbridge_schema
        IN ACCESS EXCLUSIVE MODE;
    IF (SELECT version FROM gearbridge.gearbridge_schema) <> @schema_version@ THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'the job table in schema gearbridge has another version',
            HINT = 'Start this version of gearbridge server on this database once: it upgrades the table.';
    END IF;
\tables postgresql pg_temp
    WITH one AS (
        SELECT relation.oid, relation.relname AS name, relation.relnamespace = pg_catalog.pg_my_temp_schema() AS made
        FROM pg_catalog.pg_class AS relation
        WHERE relation.relnamespace IN (pg_catalog.pg_my_temp_schema(), pg_catalog.to_regnamespace('gearbridge'))
            AND relation.relname IN ('gearbridge_job', 'gearbridge_node', 'gearbridge_limit', 'gearbridge_schema')
            AND relation.relkind = 'r'
    ), part AS (
        SELECT one.name, one.made, pg_catalog.format(
            'column %s %s %s%s%s%s', own.attname, pg_catalog.format_type(own.atttypid, own.atttypmod), own.attcollation,
            own.attgenerated, own.attidentity, CASE WHEN own.attnotnull THEN ' not null' END
        ) AS text
        FROM one JOIN pg_catalog.pg_attribute AS own ON own.attrelid = one.oid AND own.attnum > 0 AND NOT own.attisdropped
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('default %s %s', own.adnum, pg_catalog.pg_get_expr(own.adbin, own.adrelid))
        FROM one JOIN pg_catalog.pg_attrdef AS own ON own.adrelid = one.oid
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('constraint %s', pg_catalog.pg_get_constraintdef(own.oid))
        FROM one JOIN pg_catalog.pg_constraint AS own ON own.conrelid = one.oid OR own.confrelid = one.oid
        UNION ALL
        SELECT one.name, one.made, pg_catalog.pg_get_indexdef(own.indexrelid)
        FROM one JOIN pg_catalog.pg_index AS own ON own.indrelid = one.oid
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('trigger %I', own.tgname)
        FROM one JOIN pg_catalog.pg_trigger AS own ON own.tgrelid = one.oid
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('rule %I', own.rulename)
        FROM one JOIN pg_catalog.pg_rewrite AS own ON own.ev_class = one.oid
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('policy %I', own.polname)
        FROM one JOIN pg_catalog.pg_policy AS own ON own.polrelid = one.oid
        UNION ALL
        SELECT one.name, one.made, 'row level security'
        FROM one JOIN pg_catalog.pg_class AS own ON own.oid = one.oid AND (own.relrowsecurity OR own.relforcerowsecurity)
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('inheritance %s', own.inhrelid::regclass)
        FROM one JOIN pg_catalog.pg_inherits AS own ON one.oid IN (own.inhrelid, own.inhparent)
        UNION ALL
        SELECT one.name, one.made, pg_catalog.format('statistics %I', own.stxname)
        FROM one JOIN pg_catalog.pg_statistic_ext AS own ON own.stxrelid = one.oid
    ), plain AS (
        SELECT part.name, part.made, pg_catalog.regexp_replace(part.text, '(gearbridge|pg_temp(_[0-9]+)?)[.]', '', 'g') AS text
        FROM part
    )
    SELECT pg_catalog.format('%s of table gearbridge.%I', theirs.text, theirs.name) INTO fault
    FROM plain AS theirs
    WHERE NOT theirs.made AND NOT EXISTS (
        SELECT FROM plain AS ours WHERE ours.made AND ours.name = theirs.name AND ours.text = theirs.text
    )
    ORDER BY theirs.text DESC
    LIMIT 1;
    IF fault IS NULL AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute AS own, pg_catalog.pg_class AS relation
        WHERE own.attrelid = relation.oid AND own.attnum > 0 AND NOT own.attisdropped AND relation.relkind = 'r'
            AND relation.relnamespace = pg_catalog.to_regnamespace('gearbridge')
    ) <> (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute AS own, pg_catalog.pg_class AS relation
        WHERE own.attrelid = relation.oid AND own.attnum > 0 AND NOT own.attisdropped AND relation.relkind = 'r'
            AND relation.relnamespace = pg_catalog.pg_my_temp_schema()
            AND relation.relname IN ('gearbridge_job', 'gearbridge_node', 'gearbridge_limit', 'gearbridge_schema')
    ) THEN
        fault := 'a missing column';
    END IF;
    DROP TABLE pg_temp.gearbridge_job, pg_temp.gearbridge_node, pg_temp.gearbridge_limit, pg_temp.gearbridge_schema;
    IF fault IS NOT NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('the tables in schema gearbridge are not taken over, because of %s', fault),
            HINT = 'They would be used with the rights of the installing role. Inspect it, then drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'gearbridge') THEN
        ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_job;
        ALTER EXTENSION gearbridge ADD SEQUENCE gearbridge.gearbridge_job_id_seq;
        ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_node;
        ALTER EXTENSION gearbridge ADD SEQUENCE gearbridge.gearbridge_node_epoch_seq;
        ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_limit;
        ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_schema;
    END IF;
END IF;
-- Numbered from the microseconds since 2020, so that of the jobs of a table that is made anew none has an earlier one's
-- number. What makes a handle one of its kind is the random part behind the number.
PERFORM pg_catalog.setval('gearbridge.gearbridge_job_id_seq', GREATEST(last_value, pg_catalog.floor(
    (extract(epoch FROM pg_catalog.clock_timestamp()) - 1577836800) * 1000000
)::bigint)) FROM gearbridge.gearbridge_job_id_seq;
END
$tables$;

COMMENT ON TABLE gearbridge.gearbridge_job IS 'Every background job that is not finished; the view gman_jobs shows it in readable form.';
COMMENT ON TABLE gearbridge.gearbridge_node IS 'The job servers that share the job table, each with its lease.';
COMMENT ON TABLE gearbridge.gearbridge_limit IS 'The limits on waiting jobs of a function, for all of these job servers.';
COMMENT ON TABLE gearbridge.gearbridge_schema IS 'The version of these tables.';
