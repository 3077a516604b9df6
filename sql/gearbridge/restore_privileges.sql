CREATE FUNCTION gearbridge.restore_privileges()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._restore_privileges();

COMMENT ON FUNCTION gearbridge.restore_privileges() IS
$comment$Make the privileges on what is gearbridge's be exactly what its rights mean: after a GRANT or REVOKE by hand, say.
What differs is shown by gearbridge.privilege_differences().

Example: SELECT gearbridge.restore_privileges();
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.restore_privileges() FROM PUBLIC;
