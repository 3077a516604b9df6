CREATE FUNCTION gearbridge._privilege_differences(
    OUT name text,
    OUT grantee name,
    OUT privilege text,
    OUT missing boolean,
    caller gearbridge.caller DEFAULT current_user
)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
    PERFORM gearbridge._demand('admin', _privilege_differences.caller);
    RETURN QUERY
        SELECT one.name, CASE one.grantee WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(one.grantee) END, one.privilege, one.missing
        FROM gearbridge._acl_differences() AS one;
END
$function$;

COMMENT ON FUNCTION gearbridge._privilege_differences(gearbridge.caller) IS
$comment$Read what gearbridge.privilege_differences() returns. Raises 42501 if the caller is not an administrator.

Example: SELECT * FROM gearbridge._privilege_differences();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._privilege_differences(gearbridge.caller) FROM PUBLIC;
