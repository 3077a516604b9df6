-- It reads the resulting ACLs, not the statements that were run: default privileges add to each new object.
CREATE FUNCTION gearbridge._acl_differences(
    OUT kind text,
    OUT name text,
    OUT grantee oid,
    OUT privilege text,
    OUT missing boolean
)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
WITH own AS (
    SELECT 'ROUTINE' AS kind, routine.oid::regprocedure::text AS name, routine.proname AS short, routine.proowner AS owner,
        acldefault('f', routine.proowner) AS usual, coalesce(routine.proacl, acldefault('f', routine.proowner)) AS acl,
        '{EXECUTE}'::text[] AS privileges
    FROM gearbridge._own_objects() AS object
    JOIN pg_proc AS routine ON object.classid = 'pg_proc'::regclass AND routine.oid = object.objid
    UNION ALL
    SELECT CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relation.oid::regclass::text, relation.relname,
        relation.relowner, initial.acl, coalesce(relation.relacl, initial.acl),
        CASE relation.relkind
            WHEN 'S' THEN '{USAGE,SELECT}' WHEN 'r' THEN '{SELECT,INSERT,UPDATE,DELETE}' ELSE '{SELECT}'
        END::text[]
    FROM gearbridge._own_objects() AS object
    JOIN pg_class AS relation ON object.classid = 'pg_class'::regclass AND relation.oid = object.objid
    CROSS JOIN LATERAL (SELECT acldefault(CASE relation.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relation.relowner)) AS initial (acl)
    WHERE relation.relkind IN ('r', 'v', 'S')
    UNION ALL
    SELECT 'SCHEMA', space.nspname, space.nspname, space.nspowner, acldefault('n', space.nspowner),
        coalesce(space.nspacl, acldefault('n', space.nspowner)), '{USAGE}'
    FROM pg_namespace AS space WHERE space.nspname = 'gearbridge'
    UNION ALL
    SELECT 'TYPE', type.oid::regtype::text, type.typname, type.typowner, acldefault('T', type.typowner),
        coalesce(type.typacl, acldefault('T', type.typowner)), '{}'
    FROM pg_type AS type WHERE type.oid = 'gearbridge.caller'::regtype
), holder AS (
    SELECT CASE granted.role WHEN 'public' THEN 0 ELSE known.oid END AS oid, granted."right"
    FROM gearbridge.role_right AS granted LEFT JOIN pg_roles AS known ON known.oid = granted.role_oid
    WHERE granted.role = 'public' OR known.oid IS NOT NULL
    UNION
    -- What a trusted extension makes belongs to a superuser. Whoever created the extension administers it all the same.
    SELECT gearbridge._owner(), given FROM unnest('{admin,server}'::text[]) AS given
    UNION
    SELECT 0, 'everybody'
    UNION
    SELECT granted.role_oid, 'holder' FROM gearbridge.role_right AS granted JOIN pg_roles AS known ON known.oid = granted.role_oid
    UNION
    SELECT gearbridge._owner(), 'holder'
), wanted AS (
    SELECT own.kind, own.name, given.grantee, given.privilege_type
    FROM own CROSS JOIN LATERAL aclexplode(own.usual) AS given WHERE given.grantee = own.owner
    UNION
    SELECT own.kind, own.name, holder.oid, privilege.one
    FROM own JOIN gearbridge._right_of() AS needed ON needed.name = own.short
    JOIN holder ON holder."right" = ANY (needed.rights)
    CROSS JOIN LATERAL unnest(own.privileges) AS privilege (one)
), present AS (
    SELECT DISTINCT own.kind, own.name, given.grantee, given.privilege_type
    FROM own CROSS JOIN LATERAL aclexplode(own.acl) AS given
    UNION
    SELECT DISTINCT own.kind, own.name, given.grantee, format('%s (%I)', given.privilege_type, part.attname)
    FROM own JOIN pg_attribute AS part ON own.kind = 'TABLE' AND part.attrelid = to_regclass(own.name) AND part.attacl IS NOT NULL
    CROSS JOIN LATERAL aclexplode(part.attacl) AS given
)
SELECT * FROM (
    SELECT kind, name, grantee, privilege_type, present.kind IS NULL AS missing
    FROM wanted FULL JOIN present USING (kind, name, grantee, privilege_type)
    WHERE wanted.kind IS NULL OR present.kind IS NULL
) AS differing
$function$;

COMMENT ON FUNCTION gearbridge._acl_differences() IS
$comment$The differences between PostgreSQL's privileges on gearbridge's functions, tables, views, sequences and schema and the rights in gearbridge.role_right: privileges that are missing, and privileges beyond the rights. Grantee 0 is PUBLIC.

Example: SELECT kind, name, grantee::regrole, privilege, missing FROM gearbridge._acl_differences();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._acl_differences() FROM PUBLIC;
