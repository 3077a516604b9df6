CREATE FUNCTION gearbridge._result(handle text, caller gearbridge.caller DEFAULT current_user)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    job record;
BEGIN
    SELECT one.state, one.result, one.error INTO job
    FROM gearbridge.gearbridge_job AS one
    WHERE one.handle = _result.handle AND gearbridge._may_read(one.function, _result.caller);
    IF job.state = 2 THEN
        RAISE SQLSTATE 'GB001' USING MESSAGE = coalesce(job.error, 'the job failed');
    END IF;
    RETURN CASE WHEN job.state = 3 THEN job.result END;
END
$function$;

COMMENT ON FUNCTION gearbridge._result(text, gearbridge.caller) IS
$comment$Read what gman_result() returns.

Example: SELECT gearbridge._result('S:42');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._result(text, gearbridge.caller) FROM PUBLIC;
