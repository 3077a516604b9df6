CREATE FUNCTION gman_enqueue_rows()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    options CONSTANT jsonb := gearbridge._trigger_options(TG_ARGV);
    wanted CONSTANT text[] := pg_catalog.string_to_array(options OPERATOR(pg_catalog.->>) 'columns', ',');
    present text[];
    unwanted text[] := '{}';
    payloads bytea[];
    unique_keys text[];
BEGIN
    PERFORM gearbridge._demand_submit(TG_ARGV[0], (
        SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) TG_RELID
    ));
    IF TG_LEVEL OPERATOR(pg_catalog.<>) 'STATEMENT' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'gman_enqueue_rows() is for triggers FOR EACH STATEMENT; for rows there is gman_enqueue_row()';
    ELSIF NOT EXISTS (
        -- Without it the name below would be looked for among the caller's temporary tables, with our rights.
        SELECT FROM pg_catalog.pg_trigger AS own
        WHERE own.tgrelid OPERATOR(pg_catalog.=) TG_RELID AND own.tgname OPERATOR(pg_catalog.=) TG_NAME
            AND 'gearbridge_rows' IN (own.tgnewtable, own.tgoldtable)
    ) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'the trigger has no transition table of the name that gman_enqueue_rows() reads',
            HINT = 'Add REFERENCING NEW TABLE AS gearbridge_rows (or OLD TABLE) to it.';
    ELSIF (options OPERATOR(pg_catalog.->>) 'payload') OPERATOR(pg_catalog.=) 'both' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'only gman_enqueue_row() can send the old and the new row together';
    END IF;
    -- Once for the statement: to pick the wanted columns out of each row takes three times as long.
    IF wanted IS NOT NULL THEN
        SELECT pg_catalog.array_agg(attname::text),
            pg_catalog.array_agg(attname::text) FILTER (WHERE attname::text OPERATOR(pg_catalog.<>) ALL (wanted))
        INTO present, unwanted
        FROM pg_catalog.pg_attribute
        WHERE attrelid OPERATOR(pg_catalog.=) TG_RELID AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped;
        IF NOT wanted OPERATOR(pg_catalog.<@) present THEN
            RAISE undefined_column USING MESSAGE = pg_catalog.format(
                'there is no column "%s" for the job''s payload',
                (SELECT name FROM pg_catalog.unnest(wanted) AS name WHERE name OPERATOR(pg_catalog.<>) ALL (present) LIMIT 1)
            );
        END IF;
    END IF;
    SELECT pg_catalog.array_agg(pg_catalog.convert_to(
        (pg_catalog.to_jsonb(one) OPERATOR(pg_catalog.-) coalesce(unwanted, '{}'))::text, 'UTF8'
    ))
    INTO payloads FROM gearbridge_rows AS one;
    IF payloads IS NULL THEN
        RETURN NULL;
    END IF;
    IF options OPERATOR(pg_catalog.?) 'unique_key' THEN
        SELECT pg_catalog.array_agg(
            pg_catalog.to_jsonb(one) OPERATOR(pg_catalog.->>) (options OPERATOR(pg_catalog.->>) 'unique_key')
        )
        INTO unique_keys FROM gearbridge_rows AS one;
    END IF;
    PERFORM gearbridge._enqueue_many(
        TG_ARGV[0], payloads, unique_keys, coalesce(options OPERATOR(pg_catalog.->>) 'priority', 'normal'),
        pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) (options OPERATOR(pg_catalog.->>) 'delay')::interval,
        (options OPERATOR(pg_catalog.->>) 'max_attempts')::integer, false
    );
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION gman_enqueue_rows() IS
$comment$A trigger FOR EACH STATEMENT that enqueues a job for each row of the transition table, all in one INSERT.
The transition table must be named gearbridge_rows. The arguments are those of gman_enqueue_row(), but for payload=, since
the transition table says whether it is the old or the new rows.

Example: CREATE TRIGGER resize AFTER INSERT ON images REFERENCING NEW TABLE AS gearbridge_rows FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows('resize');
ROLLBACK takes the jobs back: no worker ever sees them.$comment$;

REVOKE EXECUTE ON FUNCTION gman_enqueue_rows() FROM PUBLIC;
