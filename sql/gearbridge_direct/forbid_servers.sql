CREATE FUNCTION gearbridge.forbid_servers(role name DEFAULT 'public')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._forbid_servers(role);

COMMENT ON FUNCTION gearbridge.forbid_servers(name) IS
$comment$Remove the list that gearbridge.allow_servers() set for this role, or for every role if none is given. Lists of roles
that it is a member of stay. Takes effect with the next statement, in open sessions too.

Example: SELECT gearbridge.forbid_servers('application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.forbid_servers(name) FROM PUBLIC;
