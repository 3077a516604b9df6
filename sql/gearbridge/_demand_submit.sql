CREATE FUNCTION gearbridge._demand_submit(function text, role name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF function IS NULL OR EXISTS (SELECT FROM gearbridge._granted(function, role)) OR pg_has_role(role, gearbridge._owner(), 'USAGE') THEN
        RETURN true;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('role %I may not submit jobs of function "%s"', coalesce(role, 'none'), function),
        HINT = format('An administrator may grant it: SELECT gearbridge.grant_submit(%L, %L);', role, function);
END
$function$;

COMMENT ON FUNCTION gearbridge._demand_submit(text, name) IS
$comment$Raise 42501 if a role may not submit jobs of a function.

Example: SELECT gearbridge._demand_submit('resize', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._demand_submit(text, name) FROM PUBLIC;
