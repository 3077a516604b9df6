-- Other roles can grant privileges on a function (ALTER DEFAULT PRIVILEGES), so each SECURITY DEFINER function checks itself.
CREATE FUNCTION gearbridge._demand("right" text, role name)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF gearbridge._may("right", role) IS NOT TRUE THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role %I has not the right "%s" of gearbridge', coalesce(role, 'none'), "right"),
            HINT = format('An administrator may grant it: SELECT gearbridge.grant_%s(%L);', "right", role);
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._demand(text, name) IS
$comment$Raise 42501 if a role lacks a right and is neither administrator nor owner.

Example: SELECT gearbridge._demand('admin', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._demand(text, name) FROM PUBLIC;
