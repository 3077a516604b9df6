CREATE FUNCTION gearbridge.revoke_work(role name, function_pattern text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'work', function_pattern);

COMMENT ON FUNCTION gearbridge.revoke_work(name, text) IS
$comment$Revoke what gearbridge.grant_work() granted: one pattern, as it was granted, or all if none is given. Takes effect at
once, in open sessions too. If nothing was granted, there is a NOTICE.

Example: SELECT gearbridge.revoke_work('billing_worker', 'deposit');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_work(name, text) FROM PUBLIC;
