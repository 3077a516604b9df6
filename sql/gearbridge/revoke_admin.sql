CREATE FUNCTION gearbridge.revoke_admin(role name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'admin', '*');

COMMENT ON FUNCTION gearbridge.revoke_admin(name) IS
$comment$Take back what gearbridge.grant_admin() gave. It holds at once, in open sessions too.

Example: SELECT gearbridge.revoke_admin('operator');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_admin(name) FROM PUBLIC;
