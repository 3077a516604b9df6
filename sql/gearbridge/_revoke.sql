CREATE FUNCTION gearbridge._revoke(role name, "right" text, pattern text, caller gearbridge.caller DEFAULT current_user)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    revoked_oid CONSTANT oid := coalesce(pg_catalog.to_regrole(pg_catalog.quote_ident(_revoke.role))::oid, 0);
BEGIN
    PERFORM gearbridge._demand('admin', _revoke.caller);
    LOCK TABLE gearbridge.own_object IN SHARE ROW EXCLUSIVE MODE;
    -- By its name, where no role has it any more: so what is left of a role that was dropped can be taken away.
    DELETE FROM gearbridge.role_right AS granted
    WHERE (
            (revoked_oid <> 0 AND granted.role_oid = revoked_oid)
            OR (granted.role = _revoke.role AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS known WHERE known.oid = granted.role_oid))
        )
        AND granted."right" = _revoke."right" AND granted.pattern = coalesce(_revoke.pattern, granted.pattern);
    IF NOT FOUND THEN
        RAISE NOTICE 'role % was not granted this', pg_catalog.quote_ident(_revoke.role);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._revoke(name, text, text, gearbridge.caller) IS
$comment$Take back one right; what the revoke_ functions have in common. A NULL pattern is all of them. Raises 42501 for a
caller that is no administrator.

Example: SELECT gearbridge._revoke('application', 'submit', NULL);
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._revoke(name, text, text, gearbridge.caller) FROM PUBLIC;
