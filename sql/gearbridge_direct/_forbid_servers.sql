CREATE FUNCTION gearbridge._forbid_servers(role name, caller gearbridge.caller DEFAULT current_user)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    forbidden_oid CONSTANT oid := coalesce(pg_catalog.to_regrole(pg_catalog.quote_ident(_forbid_servers.role))::oid, 0);
BEGIN
    PERFORM gearbridge._demand('admin', _forbid_servers.caller);
    DELETE FROM gearbridge.allowed_servers AS allowed
    WHERE (forbidden_oid <> 0 AND allowed.role_oid = forbidden_oid)
        OR (allowed.role = _forbid_servers.role AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS known WHERE known.oid = allowed.role_oid));
    IF NOT FOUND THEN
        RAISE NOTICE 'role % has no list of allowed servers', pg_catalog.quote_ident(_forbid_servers.role);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._forbid_servers(name, gearbridge.caller) IS
$comment$Do what gearbridge.forbid_servers() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._forbid_servers('application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._forbid_servers(name, gearbridge.caller) FROM PUBLIC;
