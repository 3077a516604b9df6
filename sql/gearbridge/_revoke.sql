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
        RAISE NOTICE 'role % does not have this right', pg_catalog.quote_ident(_revoke.role);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._revoke(name, text, text, gearbridge.caller) IS
$comment$Revoke one right; common to the revoke_ functions. A NULL pattern means all patterns. Raises 42501 if
the caller is not an administrator.

Example: SELECT gearbridge._revoke('application', 'submit', NULL);
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._revoke(name, text, text, gearbridge.caller) FROM PUBLIC;
