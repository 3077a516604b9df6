CREATE FUNCTION gearbridge.revoke_monitor(role name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._revoke(role, 'monitor', '*');
END
$function$;

COMMENT ON FUNCTION gearbridge.revoke_monitor(name) IS
$comment$Take back what gearbridge.grant_monitor() gave. It holds at once, in open sessions too.

Example: SELECT gearbridge.revoke_monitor('watcher');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_monitor(name) FROM PUBLIC;
