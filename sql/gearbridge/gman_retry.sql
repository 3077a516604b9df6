CREATE FUNCTION gman_retry(handle text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    UPDATE gearbridge.gearbridge_job AS job
    SET state = 1, attempts = 0, due = 0, error = NULL, result = NULL, finished = NULL, numerator = NULL, denominator = NULL
    WHERE job.handle = gman_retry.handle AND job.state IN (2, 3);
    IF FOUND THEN
        PERFORM gearbridge._ring();
        RETURN true;
    END IF;
    RETURN false;
END
$function$;

COMMENT ON FUNCTION gman_retry(text) IS
$comment$Have a finished job that was kept, a failed one above all, done once more; whether there was one.
Its attempts count from the beginning. Raises 23505 where another unfinished job has its unique key by now.

Example: SELECT gman_retry(handle) FROM gman_jobs WHERE function = 'resize' AND state = 'failed';
ROLLBACK takes it back: the job stays as it was.$comment$;

REVOKE EXECUTE ON FUNCTION gman_retry(text) FROM PUBLIC;
