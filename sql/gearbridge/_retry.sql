CREATE FUNCTION gearbridge._retry(handle text, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    granted boolean;
BEGIN
    -- As in _cancel().
    IF pg_catalog.pg_has_role(_retry.caller, current_user, 'USAGE') IS NOT TRUE THEN
        SELECT true INTO granted FROM gearbridge._grants_of(_retry.caller, '{admin}');
        IF NOT FOUND THEN
            PERFORM gearbridge._demand('admin', _retry.caller);
        END IF;
    END IF;
    UPDATE gearbridge.gearbridge_job AS job
    SET state = 1, attempts = 0, due = 0, error = NULL, result = NULL, finished = NULL, numerator = NULL, denominator = NULL
    WHERE job.handle = _retry.handle AND job.state IN (2, 3);
    IF NOT FOUND THEN
        RETURN false;
    ELSIF NOT pg_catalog.pg_try_advisory_xact_lock_shared(@wake_lock@, 'gearbridge.gearbridge_job'::regclass::oid::integer) THEN
        PERFORM gearbridge._ring();
    END IF;
    RETURN true;
END
$function$;

COMMENT ON FUNCTION gearbridge._retry(text, gearbridge.caller) IS
$comment$Do what gman_retry() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._retry('S:42');
ROLLBACK takes it back: the job stays as it was.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._retry(text, gearbridge.caller) FROM PUBLIC;
