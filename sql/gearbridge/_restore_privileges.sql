CREATE FUNCTION gearbridge._restore_privileges(caller gearbridge.caller DEFAULT current_user)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._demand('admin', _restore_privileges.caller);
    PERFORM gearbridge._apply_rights();
END
$function$;

COMMENT ON FUNCTION gearbridge._restore_privileges(gearbridge.caller) IS
$comment$Do what gearbridge.restore_privileges() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._restore_privileges();
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._restore_privileges(gearbridge.caller) FROM PUBLIC;
