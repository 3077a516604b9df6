CREATE FUNCTION gearbridge.grant_submit(role name, function_pattern text DEFAULT '*')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'submit', function_pattern);

COMMENT ON FUNCTION gearbridge.grant_submit(name, text) IS
$comment$Allow a role to submit jobs of functions whose name matches the pattern, and to read the status and result of jobs whose
handle it knows. * matches any number of characters. Several patterns add up. The role public means every role.
Takes effect at once, also for functions of later versions, and for gearbridge_direct if it is created later.
Raises 42704 for a role that does not exist, 22023 for an empty pattern.

Example: SELECT gearbridge.grant_submit('application', 'mail_*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_submit(name, text) FROM PUBLIC;
