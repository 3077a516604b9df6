CREATE FUNCTION gearbridge._granted(function text, role name)
RETURNS SETOF gearbridge.role_right
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT granted.*
    FROM gearbridge._grants_of(_granted.role, '{submit,admin}') AS granted
    WHERE _granted.function LIKE granted.matching;
END;

COMMENT ON FUNCTION gearbridge._granted(text, name) IS
$comment$The rows of gearbridge.role_right by which a role may submit jobs of a function.

Example: SELECT "right", pattern FROM gearbridge._granted('resize', 'application');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._granted(text, name) FROM PUBLIC;
