-- PostgreSQL puts this body into the statement that calls it, so that a job is looked up and its caller's right is asked for
-- at once. Here current_user is the owner of a function with our rights, which may, as superusers may; that is quick to ask.
CREATE FUNCTION gearbridge._admitted(role name, rights text[], function text DEFAULT NULL)
RETURNS SETOF boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT true
    WHERE pg_catalog.pg_has_role(_admitted.role, current_user, 'USAGE')
        OR EXISTS (
            SELECT FROM gearbridge._grants_of(_admitted.role, _admitted.rights) AS granted
            WHERE _admitted.function IS NULL OR pg_catalog.replace(_admitted.function, E'\\\\', E'\\') LIKE granted.matching
        )
        OR pg_catalog.pg_has_role(_admitted.role, gearbridge._owner(), 'USAGE');
END;

COMMENT ON FUNCTION gearbridge._admitted(name, text[], text) IS
$comment$One row where a role has one of these rights, for a function if one is named (as the job table has it), or as the owner; else none.

Example: SELECT EXISTS (SELECT FROM gearbridge._admitted('billing_worker', '{work,admin}', 'deposit'));
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._admitted(name, text[], text) FROM PUBLIC;
