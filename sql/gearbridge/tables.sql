-- The job table, as the stores define it, or the one that a server made here before: its jobs stay.
DO $tables$
BEGIN
IF pg_catalog.to_regclass('gearbridge.gearbridge_job') IS NULL THEN
\tables postgresql gearbridge
ELSIF (SELECT version FROM gearbridge.gearbridge_schema) OPERATOR(pg_catalog.<>) @schema_version@ THEN
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = 'the job table in schema gearbridge is of another version',
        HINT = 'Start this version of gearbridge server on this database once: it brings the table up to date.';
ELSIF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'gearbridge') THEN
    ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_job;
    ALTER EXTENSION gearbridge ADD SEQUENCE gearbridge.gearbridge_job_id_seq;
    ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_node;
    ALTER EXTENSION gearbridge ADD SEQUENCE gearbridge.gearbridge_node_epoch_seq;
    ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_limit;
    ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_schema;
END IF;
-- A bridge gives a job its handle as unique key, and several databases may have bridges to one job server: so handles are
-- numbered from the microseconds since 2020, and those of two databases do not meet.
PERFORM pg_catalog.setval('gearbridge.gearbridge_job_id_seq', GREATEST(last_value, pg_catalog.floor(
    (extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.-) 1577836800) OPERATOR(pg_catalog.*) 1000000
)::bigint)) FROM gearbridge.gearbridge_job_id_seq;
END
$tables$;

COMMENT ON TABLE gearbridge.gearbridge_job IS 'Every background job that is not finished: the view gman_jobs shows it to people.';
COMMENT ON TABLE gearbridge.gearbridge_node IS 'The job servers that share the job table, each with its lease.';
COMMENT ON TABLE gearbridge.gearbridge_limit IS 'How many jobs of a function may wait, for all of these job servers.';
COMMENT ON TABLE gearbridge.gearbridge_schema IS 'Which version these tables are.';
