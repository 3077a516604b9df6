CREATE FUNCTION gearbridge.may_submit(function text, role name DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM gearbridge._granted(may_submit.function, may_submit.role))
        OR pg_catalog.pg_has_role(may_submit.role, gearbridge._owner(), 'USAGE');
END
$function$;

COMMENT ON FUNCTION gearbridge.may_submit(text, name) IS
$comment$Whether a role (who asks, if none is named) may submit jobs of a function: it or a role that it is a member of was
granted that by gearbridge.grant_submit() or gearbridge.grant_admin(). The owner of the extension and superusers may.

Example: SELECT gearbridge.may_submit('resize', 'application');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.may_submit(text, name) FROM PUBLIC;
