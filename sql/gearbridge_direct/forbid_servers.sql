CREATE FUNCTION gearbridge.forbid_servers(role name DEFAULT 'public')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._forbid_servers(role);

COMMENT ON FUNCTION gearbridge.forbid_servers(name) IS
$comment$Take back what gearbridge.allow_servers() said for this role, or for everybody if none is named. What is allowed for
others, whom the role belongs to, stays. It counts from the next statement on, in open sessions too.

Example: SELECT gearbridge.forbid_servers('application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.forbid_servers(name) FROM PUBLIC;
