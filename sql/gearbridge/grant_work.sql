CREATE FUNCTION gearbridge.grant_work(role name, function_pattern text DEFAULT '*')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'work', function_pattern);

COMMENT ON FUNCTION gearbridge.grant_work(name, text) IS
$comment$Let a worker's role end jobs in its own transaction with gman_complete(): of functions whose name matches the pattern,
where * stands for any number of characters. Several patterns add up. It lets the role neither submit jobs nor cancel
them, nor see those of others. Raises 42704 for a role that does not exist, 22023 for an empty pattern.

Example: SELECT gearbridge.grant_work('billing_worker', 'deposit');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_work(name, text) FROM PUBLIC;
