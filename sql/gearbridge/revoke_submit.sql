CREATE FUNCTION gearbridge.revoke_submit(role name, function_pattern text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._revoke(role, 'submit', function_pattern);

COMMENT ON FUNCTION gearbridge.revoke_submit(name, text) IS
$comment$Revoke what gearbridge.grant_submit() granted: one pattern, as it was granted, or all if none is given. Takes effect at
once, in open sessions too. If nothing was granted, there is a NOTICE.

Example: SELECT gearbridge.revoke_submit('application', 'mail_*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_submit(name, text) FROM PUBLIC;
