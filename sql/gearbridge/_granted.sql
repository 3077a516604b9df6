-- PostgreSQL puts this body into the query that calls it: a function call less for each job.
CREATE FUNCTION gearbridge._granted(function text, role name)
RETURNS SETOF gearbridge.role_right
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT granted.*
    FROM gearbridge.role_right AS granted
    WHERE granted."right" IN ('submit', 'admin') AND _granted.function LIKE granted.matching AND (
        granted.role = _granted.role
        OR granted.role = 'public'
        OR pg_catalog.pg_has_role(
            _granted.role, pg_catalog.to_regrole(pg_catalog.quote_ident(granted.role)), 'USAGE'
        )
    );
END;

COMMENT ON FUNCTION gearbridge._granted(text, name) IS
$comment$The rows of gearbridge.role_right by which a role may submit jobs of a function.

Example: SELECT "right", pattern FROM gearbridge._granted('resize', 'application');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._granted(text, name) FROM PUBLIC;
