CREATE FUNCTION gearbridge._discard(handle text, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._demand('admin', _discard.caller);
    DELETE FROM gearbridge.gearbridge_job AS job WHERE job.handle = _discard.handle AND job.state = 2;
    RETURN FOUND;
END
$function$;

COMMENT ON FUNCTION gearbridge._discard(text, gearbridge.caller) IS
$comment$Do what gman_discard() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._discard('S:42');
ROLLBACK brings the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._discard(text, gearbridge.caller) FROM PUBLIC;
