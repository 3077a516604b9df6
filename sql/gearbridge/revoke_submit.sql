CREATE FUNCTION gearbridge.revoke_submit(role name, function_pattern text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._revoke(role, 'submit', function_pattern);
END
$function$;

COMMENT ON FUNCTION gearbridge.revoke_submit(name, text) IS
$comment$Take back what gearbridge.grant_submit() gave: one pattern, as it was granted, or all if none is named. It holds at
once, in open sessions too. What was not granted cannot be taken back, and the call says so with a NOTICE.

Example: SELECT gearbridge.revoke_submit('application', 'mail_*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.revoke_submit(name, text) FROM PUBLIC;
