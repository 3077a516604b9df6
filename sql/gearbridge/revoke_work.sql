CREATE FUNCTION gearbridge.revoke_work(role name, function_pattern text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'work', function_pattern);

COMMENT ON FUNCTION gearbridge.revoke_work(name, text) IS
$comment$Take back what gearbridge.grant_work() gave: one pattern, as it was granted, or all if none is named. It holds at
once, in open sessions too. What was not granted cannot be taken back, and the call says so with a NOTICE.

Example: SELECT gearbridge.revoke_work('billing_worker', 'deposit');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_work(name, text) FROM PUBLIC;
