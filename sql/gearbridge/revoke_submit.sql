CREATE FUNCTION gearbridge.revoke_submit(role name, function_pattern text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'submit', function_pattern);

COMMENT ON FUNCTION gearbridge.revoke_submit(name, text) IS
$comment$Take back what gearbridge.grant_submit() gave: one pattern, as it was granted, or all if none is named. It holds at
once, in open sessions too. What was not granted cannot be taken back, and the call says so with a NOTICE.

Example: SELECT gearbridge.revoke_submit('application', 'mail_*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_submit(name, text) FROM PUBLIC;
