CREATE FUNCTION gearbridge._apply_rights(role name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- What a trusted extension makes belongs to a superuser. Whoever created the extension administers it all the same.
    held CONSTANT text[] := ARRAY(
        SELECT granted."right" FROM gearbridge.role_right AS granted WHERE granted.role = _apply_rights.role
        UNION ALL
        SELECT unnest('{admin,server}'::text[]) WHERE _apply_rights.role = pg_get_userbyid(gearbridge._owner())
    );
    grantee CONSTANT text := CASE WHEN _apply_rights.role = 'public' THEN 'PUBLIC' ELSE quote_ident(_apply_rights.role) END;
    ours record;
    may boolean;
BEGIN
    IF grantee <> 'PUBLIC' AND to_regrole(grantee) IS NULL THEN
        -- A restored dump may name roles that this server has not. Its other rows are worth having.
        RAISE WARNING 'role % does not exist, so it gets no rights', grantee;
        RETURN;
    END IF;
    FOR ours IN
        SELECT 'ROUTINE' AS kind, routine.oid::regprocedure::text AS name, needed.rights, 'EXECUTE' AS privileges
        FROM pg_proc AS routine
        JOIN gearbridge._right_of() AS needed ON needed.name = routine.proname
        WHERE gearbridge._is_ours('pg_proc'::regclass, routine.oid, routine.proowner)
        UNION ALL
        SELECT CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relation.oid::regclass::text, needed.rights,
            CASE relation.relkind WHEN 'r' THEN 'SELECT, INSERT, UPDATE, DELETE' WHEN 'S' THEN 'USAGE' ELSE 'SELECT' END
        FROM pg_class AS relation
        JOIN gearbridge._right_of() AS needed ON needed.name = relation.relname
        WHERE relation.relkind IN ('r', 'v', 'S') AND gearbridge._is_ours('pg_class'::regclass, relation.oid, relation.relowner)
    LOOP
        may := held && ours.rights;
        EXECUTE format(
            '%s %s ON %s %s %s %s', CASE WHEN may THEN 'GRANT' ELSE 'REVOKE' END, ours.privileges, ours.kind, ours.name,
            CASE WHEN may THEN 'TO' ELSE 'FROM' END, grantee
        );
    END LOOP;
END
$function$;

COMMENT ON FUNCTION gearbridge._apply_rights(name) IS
$comment$Make PostgreSQL's privileges of a role on our functions, tables and views what the table gearbridge.role_right says.

Example: SELECT gearbridge._apply_rights('application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._apply_rights(name) FROM PUBLIC;
