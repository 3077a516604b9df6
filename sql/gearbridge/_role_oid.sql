-- It is declared IMMUTABLE although it is not, for a generated column. That is computed when its row is written, also when a
-- dump is restored in a cluster where the role has another number; a rename does not change it.
CREATE FUNCTION gearbridge._role_oid(role name)
RETURNS oid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN CASE WHEN role = 'public' THEN 0 ELSE coalesce(to_regrole(quote_ident(role))::oid, 0) END;
END
$function$;

COMMENT ON FUNCTION gearbridge._role_oid(name) IS
$comment$The number of the role that has this name now; 0 for public, and for a name that no role has.

Example: SELECT gearbridge._role_oid('application');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._role_oid(name) FROM PUBLIC;
