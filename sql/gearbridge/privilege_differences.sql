CREATE FUNCTION gearbridge.privilege_differences(
    OUT name text,
    OUT grantee name,
    OUT privilege text,
    OUT missing boolean
)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT one.name, one.grantee, one.privilege, one.missing FROM gearbridge._privilege_differences() AS one;
END;

COMMENT ON FUNCTION gearbridge.privilege_differences() IS
$comment$The privileges on gearbridge's functions, tables, views, sequences and schema that differ from the rights that were
granted: those that a role lacks (missing), and those that it has beyond its rights. `gearbridge doctor` shows them.

Example: SELECT name, grantee, privilege FROM gearbridge.privilege_differences() WHERE NOT missing;
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.privilege_differences() FROM PUBLIC;
