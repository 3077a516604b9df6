CREATE FUNCTION gearbridge.forbid_servers(role name DEFAULT 'public')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    DELETE FROM gearbridge.allowed_servers AS allowed
    WHERE allowed.role OPERATOR(pg_catalog.=) forbid_servers.role;
    IF NOT FOUND THEN
        RAISE NOTICE 'nothing was allowed for role %', pg_catalog.quote_ident(role);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge.forbid_servers(name) IS
$comment$Take back what gearbridge.allow_servers() said for this role, or for everybody if none is named. What is allowed for
others, whom the role belongs to, stays. It counts from the next statement on, in open sessions too.

Example: SELECT gearbridge.forbid_servers('application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.forbid_servers(name) FROM PUBLIC;
