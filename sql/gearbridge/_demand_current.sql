-- A row has the columns of the moment at which it is written, but a query reads the catalogs with the transaction's
-- snapshot, which may be older: a type that was added since would be missed, and its owner's cast would run. A catalog row
-- that was replaced since has the number of the transaction that replaced it; a missing one is newer.
CREATE FUNCTION gearbridge._demand_current(relation oid)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    parts oid[];
    types oid[];
    complete boolean;
BEGIN
    -- The relation, the types of its columns, and what these are made of.
    WITH RECURSIVE part (relation, type) AS (
        SELECT _demand_current.relation, 0::oid
        UNION
        SELECT next.relation, next.type
        FROM part CROSS JOIN LATERAL (
            SELECT 0::oid, own.atttypid FROM pg_attribute AS own
            WHERE own.attrelid = part.relation AND own.attnum > 0 AND NOT own.attisdropped
            UNION ALL
            SELECT made.relation, made.type
            FROM pg_type AS own CROSS JOIN LATERAL (VALUES (own.typrelid, 0::oid), (0, own.typelem), (0, own.typbasetype)) AS made (relation, type)
            WHERE own.oid = part.type
        ) AS next (relation, type)
        WHERE next.relation >= 16384 OR next.type >= 16384
    )
    SELECT array_agg(part.relation) FILTER (WHERE part.relation <> 0), coalesce(array_agg(part.type) FILTER (WHERE part.type <> 0), '{}')
    INTO parts, types FROM part;
    complete := cardinality(parts) = (SELECT count(*) FROM pg_class AS own WHERE own.oid = ANY (parts))
        AND cardinality(types) = (SELECT count(*) FROM pg_type AS own WHERE own.oid = ANY (types));
    IF complete AND NOT EXISTS (
        SELECT FROM (
            SELECT own.xmax FROM pg_class AS own WHERE own.oid = ANY (parts)
            UNION ALL
            SELECT own.xmax FROM pg_attribute AS own WHERE own.attrelid = ANY (parts)
            UNION ALL
            SELECT own.xmax FROM pg_type AS own WHERE own.oid = ANY (types)
            UNION ALL
            SELECT own.xmax FROM pg_trigger AS own WHERE own.tgrelid = _demand_current.relation
        ) AS own (xmax)
        WHERE own.xmax <> 0 AND pg_xact_status(gearbridge._xid8(own.xmax)) IN ('committed', 'in progress')
    ) THEN
        RETURN;
    END IF;
    RAISE serialization_failure USING
        MESSAGE = 'could not serialize access due to a concurrent change of the table or its types',
        HINT = 'The transaction might succeed if retried.';
END
$function$;

COMMENT ON FUNCTION gearbridge._demand_current(oid) IS
$comment$Raise 40001 if a table, its triggers or the types of its columns have changed since the transaction's snapshot.

Example: SELECT gearbridge._demand_current('images'::regclass);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._demand_current(oid) FROM PUBLIC;
