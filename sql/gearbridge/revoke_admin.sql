CREATE FUNCTION gearbridge.revoke_admin(role name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._revoke(role, 'admin', '*');
END
$function$;

COMMENT ON FUNCTION gearbridge.revoke_admin(name) IS
$comment$Take back what gearbridge.grant_admin() gave. It holds at once, in open sessions too.

Example: SELECT gearbridge.revoke_admin('operator');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_admin(name) FROM PUBLIC;
