CREATE FUNCTION gearbridge.revoke_monitor(role name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'monitor', '*');

COMMENT ON FUNCTION gearbridge.revoke_monitor(name) IS
$comment$Take back what gearbridge.grant_monitor() gave. It holds at once, in open sessions too.

Example: SELECT gearbridge.revoke_monitor('watcher');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_monitor(name) FROM PUBLIC;
