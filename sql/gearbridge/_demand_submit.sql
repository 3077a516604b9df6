CREATE FUNCTION gearbridge._demand_submit(function text, role name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF function IS NULL OR gearbridge.may_submit(function, role) THEN
        RETURN true;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('role %I may not submit jobs of function "%s"', role, function),
        HINT = format('An administrator may grant it: SELECT gearbridge.grant_submit(%L, %L);', role, function);
END
$function$;

COMMENT ON FUNCTION gearbridge._demand_submit(text, name) IS
$comment$Raise 42501 where a role may not submit jobs of a function.

Example: SELECT gearbridge._demand_submit('resize', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._demand_submit(text, name) FROM PUBLIC;

-- In a SECURITY DEFINER function current_user is its owner, and nothing tells who called. So the caller is asked on the
-- way in: text becomes this type before the function is entered, in the caller's own name.
CREATE DOMAIN gearbridge.submittable AS text
    CONSTRAINT may_submit CHECK (gearbridge._demand_submit(VALUE, current_user));

COMMENT ON DOMAIN gearbridge.submittable IS 'The name of a function whose jobs the current user may submit; checked as text becomes it.';
