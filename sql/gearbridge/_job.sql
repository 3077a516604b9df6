CREATE FUNCTION gearbridge._job(handle text, caller gearbridge.caller DEFAULT current_user)
RETURNS SETOF @extschema@.gman_jobs
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT shown.*
    FROM @extschema@.gman_jobs AS shown
    WHERE shown.handle = _job.handle AND gearbridge._may_read(shown.function, _job.caller);
END;

COMMENT ON FUNCTION gearbridge._job(text, gearbridge.caller) IS
$comment$Read what gman_job() returns.

Example: SELECT * FROM gearbridge._job('S:42');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._job(text, gearbridge.caller) FROM PUBLIC;
