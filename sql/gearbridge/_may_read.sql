-- A job that the caller may not read is treated as missing: an error would reveal that it exists.
CREATE FUNCTION gearbridge._may_read(function text, role name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM gearbridge._granted(replace(_may_read.function, E'\\\\', E'\\'), _may_read.role))
        OR gearbridge._may('monitor', _may_read.role);
END
$function$;

COMMENT ON FUNCTION gearbridge._may_read(text, name) IS
$comment$True if a role may read the state and result of jobs of a function, given as stored in the job table: it may submit jobs of that function, or monitor.

Example: SELECT gearbridge._may_read('resize', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._may_read(text, name) FROM PUBLIC;
