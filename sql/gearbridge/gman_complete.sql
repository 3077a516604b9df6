CREATE FUNCTION gman_complete(handle text, result bytea DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    DELETE FROM gearbridge.gearbridge_job AS job
    WHERE job.handle = gman_complete.handle AND job.state = 1 AND job.keep_result = 0;
    IF NOT FOUND THEN
        UPDATE gearbridge.gearbridge_job AS job
        SET state = 3, result = coalesce(gman_complete.result, ''), error = NULL,
            finished = pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()))
        WHERE job.handle = gman_complete.handle AND job.state = 1;
    END IF;
    RETURN FOUND;
END
$function$;

COMMENT ON FUNCTION gman_complete(text, bytea) IS
$comment$End a job in the transaction that does its work: both are committed, or neither. For workers that write to this database.
Call it with the handle that the worker was given, before COMMIT. False means that the job has ended already, because an
earlier attempt came so far and then lost its worker: roll back, the work is done. In any case the worker then reports
success to the job server as usual. result is kept where keep_result was asked for.

Example: SELECT gman_complete('S:42');
ROLLBACK takes it back: the job is given out again.$comment$;

REVOKE EXECUTE ON FUNCTION gman_complete(text, bytea) FROM PUBLIC;
