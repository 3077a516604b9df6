CREATE FUNCTION gearbridge._is_ours(catalogue oid, object oid, owner oid)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- A plain script makes no extension: there, what our schema's owner has is ours.
    RETURN owner = (SELECT nspowner FROM pg_namespace WHERE nspname = 'gearbridge') OR EXISTS (
        SELECT FROM pg_depend AS member, pg_extension AS extension
        WHERE member.classid = catalogue AND member.objid = object AND member.deptype = 'e'
            AND member.refclassid = 'pg_extension'::regclass AND member.refobjid = extension.oid
            AND extension.extname IN ('gearbridge', 'gearbridge_direct')
    );
END
$function$;

COMMENT ON FUNCTION gearbridge._is_ours(oid, oid, oid) IS
$comment$Whether an object of this catalogue belongs to us, so that somebody else's of the same name gets no privileges.

Example: SELECT proname FROM pg_proc WHERE gearbridge._is_ours('pg_proc'::regclass, oid, proowner);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._is_ours(oid, oid, oid) FROM PUBLIC;
