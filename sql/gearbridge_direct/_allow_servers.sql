-- The list comes as gearbridge.allow_servers() has read it.
CREATE FUNCTION gearbridge._allow_servers(servers text, role name, caller gearbridge.caller DEFAULT current_user)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    allowed_oid CONSTANT oid := CASE _allow_servers.role
        WHEN 'public' THEN 0 ELSE pg_catalog.to_regrole(pg_catalog.quote_ident(_allow_servers.role))::oid END;
BEGIN
    PERFORM gearbridge._demand('admin', _allow_servers.caller);
    IF allowed_oid IS NULL THEN
        RAISE undefined_object USING
            MESSAGE = pg_catalog.format('role %s does not exist', coalesce(pg_catalog.quote_ident(_allow_servers.role), 'NULL'));
    END IF;
    LOCK TABLE gearbridge.allowed_servers IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM gearbridge.allowed_servers AS old
    WHERE old.role_oid = allowed_oid AND (old.role_oid <> 0 OR old.role = 'public');
    INSERT INTO gearbridge.allowed_servers (role, servers) VALUES (_allow_servers.role, _allow_servers.servers);
END
$function$;

COMMENT ON FUNCTION gearbridge._allow_servers(text, name, gearbridge.caller) IS
$comment$Do what gearbridge.allow_servers() does, for a list that it has parsed. Raises 42501 if the caller is not an administrator, 42704 if the
role does not exist.

Example: SELECT gearbridge._allow_servers('10.0.0.5:4730', 'application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._allow_servers(text, name, gearbridge.caller) FROM PUBLIC;
