-- PostgreSQL inlines this body into the statement that calls it, so that one statement looks up a job and checks its caller's
-- right.
CREATE FUNCTION gearbridge._admitted(role name, rights text[], function text)
RETURNS SETOF gearbridge.role_right
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT granted.*
    FROM gearbridge._grants_of(_admitted.role, _admitted.rights) AS granted
    WHERE pg_catalog.replace(_admitted.function, E'\\\\', E'\\') LIKE granted.matching;
END;

COMMENT ON FUNCTION gearbridge._admitted(name, text[], text) IS
$comment$The rows of gearbridge.role_right that give a role one of these rights for a function, given as stored in the job table.
The owner needs none of them.

Example: SELECT EXISTS (SELECT FROM gearbridge._admitted('billing_worker', '{work,admin}', 'deposit'));
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._admitted(name, text[], text) FROM PUBLIC;
