CREATE FUNCTION gman_cancel(handle text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    DELETE FROM gearbridge.gearbridge_job AS job WHERE job.handle = gman_cancel.handle AND job.state = 1;
    RETURN FOUND;
END
$function$;

COMMENT ON FUNCTION gman_cancel(text) IS
$comment$Take a job that SQL enqueued out of the job table, if it is not finished; whether there was one.
A worker that has it in hand already goes on, but its result is kept nowhere. A job server that holds it ready may
still give it out; `gearbridge admin cancel` takes it from there, too.

Example: SELECT gman_cancel('S:42');
ROLLBACK brings the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gman_cancel(text) FROM PUBLIC;
