-- A partition may belong to another role than the table whose trigger it has taken over.
CREATE FUNCTION gearbridge._trigger_owner(relation oid, trigger_name name)
RETURNS oid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        WITH RECURSIVE above AS (
            SELECT own.tgrelid, own.tgparentid FROM pg_trigger AS own
            WHERE own.tgrelid = relation AND own.tgname = trigger_name
            UNION ALL
            SELECT own.tgrelid, own.tgparentid FROM pg_trigger AS own JOIN above ON own.oid = above.tgparentid
        )
        SELECT pg_class.relowner FROM above JOIN pg_class ON pg_class.oid = above.tgrelid WHERE above.tgparentid = 0
    );
END
$function$;

COMMENT ON FUNCTION gearbridge._trigger_owner(oid, name) IS
$comment$The role responsible for a trigger: the owner of its table, or of the partitioned table from which a partition inherits it.

Example: SELECT gearbridge._trigger_owner('images'::regclass, 'resize')::regrole;
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._trigger_owner(oid, name) FROM PUBLIC;
