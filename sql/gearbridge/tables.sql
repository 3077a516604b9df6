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
    ALTER EXTENSION gearbridge ADD TABLE gearbridge.gearbridge_schema;
END IF;
END
$tables$;

COMMENT ON TABLE gearbridge.gearbridge_job IS 'Every background job that is not finished: the view gman_jobs shows it to people.';
COMMENT ON TABLE gearbridge.gearbridge_schema IS 'Which version these tables are.';
