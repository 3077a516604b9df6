CREATE FUNCTION gearbridge._revoke(role name, "right" text, pattern text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    DELETE FROM gearbridge.role_right AS granted
    WHERE granted.role = _revoke.role AND granted."right" = _revoke."right"
        AND granted.pattern = coalesce(_revoke.pattern, granted.pattern);
    IF NOT FOUND THEN
        RAISE NOTICE 'role % was not granted this', quote_ident(role);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._revoke(name, text, text) IS
$comment$Take back one right; what the revoke_ functions have in common. A NULL pattern is all of them.

Example: SELECT gearbridge._revoke('application', 'submit', NULL);
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._revoke(name, text, text) FROM PUBLIC;
