CREATE FUNCTION @extschema@.gman_version()
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN '@version@';
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_version() IS
$comment$The version of the extension gearbridge.

Example: SELECT gman_version();
ROLLBACK changes nothing about it: it only reads.$comment$;

-- Harmless, and the first thing that one asks for.
GRANT EXECUTE ON FUNCTION @extschema@.gman_version() TO PUBLIC;
