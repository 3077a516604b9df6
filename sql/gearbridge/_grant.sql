CREATE FUNCTION gearbridge._grant(role name, "right" text, pattern text, caller gearbridge.caller DEFAULT current_user)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    granted_oid CONSTANT oid := CASE _grant.role WHEN 'public' THEN 0 ELSE pg_catalog.to_regrole(pg_catalog.quote_ident(_grant.role))::oid END;
BEGIN
    PERFORM gearbridge._demand('admin', _grant.caller);
    IF granted_oid IS NULL THEN
        RAISE undefined_object USING
            MESSAGE = pg_catalog.format('role %s does not exist', coalesce(pg_catalog.quote_ident(_grant.role), 'NULL'));
    ELSIF coalesce(_grant.pattern, '') = '' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'a pattern of functions cannot be empty',
            HINT = '* means all functions.';
    END IF;
    LOCK TABLE gearbridge.own_object IN SHARE ROW EXCLUSIVE MODE;
    -- Those that DROP OWNED has taken do not come back with a new one.
    DELETE FROM gearbridge.role_right AS old
    WHERE old.role_oid = granted_oid AND old.role_oid <> 0 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_proc AS routine, pg_catalog.aclexplode(routine.proacl) AS given
        WHERE routine.oid = 'gearbridge._holder()'::regprocedure AND given.grantee = granted_oid
    );
    UPDATE gearbridge.role_right AS old SET role = _grant.role
    WHERE old.role_oid = granted_oid AND old.role_oid <> 0 AND old.role <> _grant.role;
    INSERT INTO gearbridge.role_right (role, "right", pattern)
    VALUES (_grant.role, _grant."right", _grant.pattern) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM gearbridge._apply_rights(granted_oid);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._grant(name, text, text, gearbridge.caller) IS
$comment$Grant one right; common to the grant_ functions. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._grant('application', 'submit', '*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._grant(name, text, text, gearbridge.caller) FROM PUBLIC;
