CREATE FUNCTION gman_result(handle text)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    job record;
BEGIN
    SELECT one.state, one.result, one.error INTO job
    FROM gearbridge.gearbridge_job AS one WHERE one.handle = gman_result.handle;
    IF job.state = 2 THEN
        RAISE SQLSTATE 'GB001' USING MESSAGE = coalesce(job.error, 'the job failed');
    END IF;
    RETURN CASE WHEN job.state = 3 THEN job.result END;
END
$function$;

COMMENT ON FUNCTION gman_result(text) IS
$comment$The result of a job that was enqueued with keep_result and is done, else NULL; convert_from(..., 'UTF8') makes text of it.
Raises GB001, with the worker's error, for a job that failed for good.

Example: SELECT convert_from(gman_result('S:42'), 'UTF8');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gman_result(text) FROM PUBLIC;
