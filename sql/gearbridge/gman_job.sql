CREATE FUNCTION @extschema@.gman_job(handle text)
RETURNS SETOF @extschema@.gman_jobs
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT job.* FROM gearbridge._job(gman_job.handle) AS job;
END;

COMMENT ON FUNCTION @extschema@.gman_job(text) IS
$comment$One job of the job table, as a row of gman_jobs; no row for an unknown handle. A job that is done leaves the table, unless
it was enqueued with keep_result. error is the error of the last attempt.
A job of a function that the caller may not submit is treated as missing, unless the caller may monitor.

Example: SELECT state, attempts, error FROM gman_job('S:42');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_job(text) FROM PUBLIC;
