CREATE FUNCTION gearbridge._grant(role name, "right" text, pattern text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF role IS NULL OR role <> 'public' AND to_regrole(quote_ident(role)) IS NULL THEN
        RAISE undefined_object USING MESSAGE = format('role %s does not exist', coalesce(quote_ident(role), 'NULL'));
    ELSIF coalesce(pattern, '') = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'a pattern of functions cannot be empty',
            HINT = '* means all functions.';
    END IF;
    INSERT INTO gearbridge.role_right VALUES (role, "right", pattern) ON CONFLICT DO NOTHING;
END
$function$;

COMMENT ON FUNCTION gearbridge._grant(name, text, text) IS
$comment$Grant one right; what the grant_ functions have in common.

Example: SELECT gearbridge._grant('application', 'submit', '*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._grant(name, text, text) FROM PUBLIC;
