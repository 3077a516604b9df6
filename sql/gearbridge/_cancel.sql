CREATE FUNCTION gearbridge._cancel(handle text, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    granted boolean;
BEGIN
    -- Fast path: here current_user is the owner. The owner and superusers may.
    IF pg_catalog.pg_has_role(_cancel.caller, current_user, 'USAGE') IS NOT TRUE THEN
        SELECT true INTO granted FROM gearbridge._grants_of(_cancel.caller, '{admin}');
        IF NOT FOUND THEN
            PERFORM gearbridge._demand('admin', _cancel.caller);
        END IF;
    END IF;
    DELETE FROM gearbridge.gearbridge_job AS job WHERE job.handle = _cancel.handle AND job.state = 1;
    RETURN FOUND;
END
$function$;

COMMENT ON FUNCTION gearbridge._cancel(text, gearbridge.caller) IS
$comment$Do what gman_cancel() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._cancel('S:42');
ROLLBACK brings the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._cancel(text, gearbridge.caller) FROM PUBLIC;
