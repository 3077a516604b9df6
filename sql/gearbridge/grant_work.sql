CREATE FUNCTION gearbridge.grant_work(role name, function_pattern text DEFAULT '*')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'work', function_pattern);

COMMENT ON FUNCTION gearbridge.grant_work(name, text) IS
$comment$Allow a worker's role to complete jobs in its own transaction with gman_complete(), for functions whose name matches the
pattern. * matches any number of characters. Several patterns add up. The role can neither submit nor cancel jobs, nor
see those of other roles. Raises 42704 for a role that does not exist, 22023 for an empty pattern.

Example: SELECT gearbridge.grant_work('billing_worker', 'deposit');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_work(name, text) FROM PUBLIC;
