CREATE FUNCTION gearbridge._apply_rights(role_oid oid DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    differing record;
BEGIN
    -- Two that grant at once would change the same rows of PostgreSQL's catalogues, which is an error for one of them.
    LOCK TABLE gearbridge.own_object IN SHARE ROW EXCLUSIVE MODE;
    FOR differing IN
        SELECT one.kind, one.name, one.privilege, one.missing,
            CASE one.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(known.rolname) END AS grantee
        FROM gearbridge._acl_differences() AS one LEFT JOIN pg_roles AS known ON known.oid = one.grantee
        WHERE one.grantee = coalesce(_apply_rights.role_oid, one.grantee) AND (one.grantee = 0 OR known.oid IS NOT NULL)
    LOOP
        EXECUTE format(
            CASE WHEN differing.missing THEN 'GRANT %s ON %s %s TO %s' ELSE 'REVOKE %s ON %s %s FROM %s CASCADE' END,
            differing.privilege, differing.kind, differing.name, differing.grantee
        );
    END LOOP;
END
$function$;

COMMENT ON FUNCTION gearbridge._apply_rights(oid) IS
$comment$Set PostgreSQL's privileges on gearbridge's objects to exactly the rights in gearbridge.role_right, for one role (0: PUBLIC) or for all.

Example: SELECT gearbridge._apply_rights('application'::regrole);
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._apply_rights(oid) FROM PUBLIC;
