CREATE FUNCTION gearbridge.grant_submit(role name, function_pattern text DEFAULT '*')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'submit', function_pattern);

COMMENT ON FUNCTION gearbridge.grant_submit(name, text) IS
$comment$Let a role submit jobs, and ask for the status and result of those whose handle it knows: of functions whose name
matches the pattern, where * stands for any number of characters. Several patterns add up. The role public is everybody.
It holds at once, for functions that a later version brings, and for gearbridge_direct when that is created later.
Raises 42704 for a role that does not exist, 22023 for an empty pattern.

Example: SELECT gearbridge.grant_submit('application', 'mail_*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_submit(name, text) FROM PUBLIC;
