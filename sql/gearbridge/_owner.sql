CREATE FUNCTION gearbridge._owner()
RETURNS oid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- The objects of a trusted extension belong to a superuser, the extension to whoever created it.
    RETURN coalesce(
        (SELECT extowner FROM pg_extension WHERE extname = 'gearbridge'),
        (SELECT nspowner FROM pg_namespace WHERE nspname = 'gearbridge')
    );
END
$function$;

COMMENT ON FUNCTION gearbridge._owner() IS
$comment$The role that installed gearbridge.

Example: SELECT gearbridge._owner()::regrole;
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._owner() FROM PUBLIC;
