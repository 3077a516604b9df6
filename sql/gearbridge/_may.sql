CREATE FUNCTION gearbridge._may("right" text, role name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM gearbridge._grants_of(_may.role, ARRAY['admin', _may."right"]))
        OR pg_catalog.pg_has_role(_may.role, gearbridge._owner(), 'USAGE');
END
$function$;

COMMENT ON FUNCTION gearbridge._may(text, name) IS
$comment$True if a role has a right, directly, as administrator or as owner.

Example: SELECT gearbridge._may('monitor', 'watcher');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._may(text, name) FROM PUBLIC;
