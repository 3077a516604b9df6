-- Rights on the columns are rights on the view; the payload is not shown, so that it can be granted to monitoring.
CREATE VIEW @extschema@.gman_jobs AS
SELECT
    job.handle::text AS handle,
    job.function::text AS function,
    nullif(job.unique_key, '')::text AS unique_key,
    CASE job.priority WHEN 0 THEN 'high' WHEN 2 THEN 'low' ELSE 'normal' END AS priority,
    CASE
        WHEN job.state = 2 THEN 'failed'
        WHEN job.state = 3 THEN 'done'
        WHEN job.due > extract(epoch FROM pg_catalog.statement_timestamp()) THEN 'scheduled'
        ELSE 'ready'
    END AS state,
    CASE WHEN job.due > 0 THEN pg_catalog.to_timestamp(job.due) END AS run_at,
    job.attempts,
    nullif(job.max_attempts, 0) AS max_attempts,
    job.numerator,
    job.denominator,
    job.error,
    pg_catalog.to_timestamp(job.enqueued) AS enqueued_at,
    job.enqueued_by::text AS enqueued_by,
    pg_catalog.to_timestamp(job.finished) AS finished_at,
    pg_catalog.octet_length(job.payload) AS payload_size,
    job.keep_result = 1 AS keep_result
FROM gearbridge.gearbridge_job AS job;

COMMENT ON VIEW @extschema@.gman_jobs IS
$comment$Every job in the job table: those that SQL enqueued, and those that a job server keeps here.
A job that a worker runs is shown as ready, since giving it to a worker writes nothing. error is that of the last attempt.

Example: SELECT handle, error FROM gman_jobs WHERE state = 'failed' ORDER BY finished_at DESC LIMIT 10;$comment$;

CREATE VIEW @extschema@.gman_queues AS
SELECT
    job.function,
    pg_catalog.count(*) FILTER (WHERE job.state = 'ready') AS ready,
    pg_catalog.count(*) FILTER (WHERE job.state = 'scheduled') AS scheduled,
    pg_catalog.count(*) FILTER (WHERE job.state = 'failed') AS failed,
    pg_catalog.count(*) FILTER (WHERE job.state = 'done') AS done,
    pg_catalog.statement_timestamp() - pg_catalog.min(job.enqueued_at) FILTER (WHERE job.state = 'ready') AS oldest
FROM @extschema@.gman_jobs AS job
GROUP BY job.function;

COMMENT ON VIEW @extschema@.gman_queues IS
$comment$Each function's jobs in the job table: how many are ready, scheduled, failed and done, and the age of the oldest
that is ready. It counts, so it reads the whole table.

Example: SELECT * FROM gman_queues ORDER BY oldest DESC;$comment$;

REVOKE ALL ON @extschema@.gman_jobs, @extschema@.gman_queues FROM PUBLIC;
