-- DROP OWNED takes all privileges of a role, and knows nothing of our table. So a role's rows count only while it has this
-- one privilege, too.
CREATE FUNCTION gearbridge._holder()
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
END
$function$;

COMMENT ON FUNCTION gearbridge._holder() IS
$comment$Does nothing. The privilege to execute it marks a role that has rights in gearbridge.role_right.

Example: SELECT has_function_privilege('application', 'gearbridge._holder()', 'EXECUTE');
ROLLBACK changes nothing about it: it does nothing.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._holder() FROM PUBLIC;
