CREATE FUNCTION gearbridge.restore_privileges()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._restore_privileges();

COMMENT ON FUNCTION gearbridge.restore_privileges() IS
$comment$Set the privileges on gearbridge's objects to exactly the granted rights, for example after a GRANT or REVOKE by hand.
gearbridge.privilege_differences() shows the differences.

Example: SELECT gearbridge.restore_privileges();
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.restore_privileges() FROM PUBLIC;
