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
$comment$Whether a role has a right, by itself or as administrator, or as the owner.

Example: SELECT gearbridge._may('monitor', 'watcher');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._may(text, name) FROM PUBLIC;
