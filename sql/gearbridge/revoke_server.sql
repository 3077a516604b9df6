CREATE FUNCTION gearbridge.revoke_server(role name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'server', '*');

COMMENT ON FUNCTION gearbridge.revoke_server(name) IS
$comment$Take back what gearbridge.grant_server() gave. It holds at once, in open sessions too.

Example: SELECT gearbridge.revoke_server('gearbridge_server');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_server(name) FROM PUBLIC;
