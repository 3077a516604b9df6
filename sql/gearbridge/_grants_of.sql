-- PostgreSQL inlines this body into the query that calls it, which saves a function call for each job.
CREATE FUNCTION gearbridge._grants_of(role name, rights text[])
RETURNS SETOF gearbridge.role_right
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT granted.*
    FROM gearbridge.role_right AS granted
    WHERE granted."right" = ANY (_grants_of.rights) AND (
        (granted.role_oid = 0 AND granted.role = 'public')
        OR (
            pg_catalog.pg_has_role(_grants_of.role, granted.role_oid, 'USAGE')
            AND pg_catalog.has_function_privilege(granted.role_oid, 'gearbridge._holder()'::regprocedure::oid, 'EXECUTE')
        )
    );
END;

COMMENT ON FUNCTION gearbridge._grants_of(name, text[]) IS
$comment$The rows of gearbridge.role_right that give a role one of these rights: its own, those of roles that it is a member of, and those of public.

Example: SELECT "right", pattern FROM gearbridge._grants_of('application', '{submit}');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._grants_of(name, text[]) FROM PUBLIC;
