CREATE FUNCTION gearbridge.grant_admin(role name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'admin', '*');

COMMENT ON FUNCTION gearbridge.grant_admin(name) IS
$comment$Allow a role everything: submit and monitor, cancel jobs, decide which job servers may be reached, and grant and revoke
these rights. Raises 42704 for a role that does not exist.

Example: SELECT gearbridge.grant_admin('operator');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_admin(name) FROM PUBLIC;
