CREATE FUNCTION @extschema@.gman_enqueue_rows()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET bytea_output = 'hex'
SET datestyle = 'ISO, YMD'
SET extra_float_digits = 1
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
SET timezone = 'UTC'
AS $function$
DECLARE
    options CONSTANT jsonb := CASE TG_NARGS WHEN 1 THEN '{}' ELSE gearbridge._trigger_options(TG_ARGV) END;
    wanted CONSTANT text[] := pg_catalog.string_to_array(options ->> 'columns', ',');
    unique_key CONSTANT text := options ->> 'unique_key';
    present text[];
    unwanted text[] := '{}';
    missing text;
    owner oid;
    granted boolean;
    has_types boolean;
    columns text;
    payloads bytea[];
    unique_keys text[];
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM gearbridge._demand_current(TG_RELID);
    END IF;
    SELECT relation.relowner, EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS part WHERE part.attrelid = TG_RELID AND part.attnum > 0 AND part.atttypid >= 16384
    )
    INTO owner, has_types FROM pg_catalog.pg_class AS relation WHERE relation.oid = TG_RELID;
    IF pg_catalog.pg_has_role(owner, current_user, 'USAGE') IS NOT TRUE THEN
        SELECT true INTO granted FROM gearbridge._granted(TG_ARGV[0], pg_catalog.pg_get_userbyid(owner));
        IF NOT FOUND THEN
            PERFORM gearbridge._demand_submit(TG_ARGV[0], pg_catalog.pg_get_userbyid(owner));
        END IF;
    END IF;
    IF TG_LEVEL <> 'STATEMENT' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'gman_enqueue_rows() is for triggers FOR EACH STATEMENT; for rows there is gman_enqueue_row()';
    ELSIF NOT EXISTS (
        -- Without it the name below would be looked for among the caller's temporary tables, with our rights.
        SELECT FROM pg_catalog.pg_trigger AS own
        WHERE own.tgrelid = TG_RELID AND own.tgname = TG_NAME AND 'gearbridge_rows' IN (own.tgnewtable, own.tgoldtable)
    ) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'the trigger has no transition table of the name that gman_enqueue_rows() reads',
            HINT = 'Add REFERENCING NEW TABLE AS gearbridge_rows (or OLD TABLE) to it.';
    ELSIF options ->> 'payload' = 'both' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'only gman_enqueue_row() can send the old and the new row together';
    END IF;
    -- Once for the statement: to pick the wanted columns out of each row takes three times as long.
    IF wanted IS NOT NULL OR unique_key IS NOT NULL THEN
        SELECT pg_catalog.array_agg(attname::text),
            coalesce(pg_catalog.array_agg(attname::text) FILTER (WHERE attname::text <> ALL (wanted)), '{}')
        INTO present, unwanted
        FROM pg_catalog.pg_attribute
        WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
        missing := (SELECT name FROM pg_catalog.unnest(wanted) AS name WHERE name <> ALL (present) LIMIT 1);
        IF missing IS NOT NULL OR unique_key <> ALL (present) THEN
            RAISE undefined_column USING MESSAGE = pg_catalog.format(
                'there is no column "%s" for the job''s %s', coalesce(missing, unique_key),
                CASE WHEN missing IS NULL THEN 'unique key' ELSE 'payload' END
            );
        END IF;
    END IF;
    IF has_types THEN
        columns := gearbridge._row_columns(TG_RELID, 'one');
    END IF;
    IF columns IS NULL THEN
        SELECT pg_catalog.array_agg(pg_catalog.convert_to((pg_catalog.to_jsonb(one.*) - unwanted)::text, 'UTF8')),
            pg_catalog.array_agg(pg_catalog.to_jsonb(one.*) ->> unique_key) FILTER (WHERE unique_key IS NOT NULL)
        INTO payloads, unique_keys FROM gearbridge_rows AS one;
    ELSE
        EXECUTE pg_catalog.format(
            'SELECT pg_catalog.array_agg(pg_catalog.convert_to((pg_catalog.to_jsonb(one.*) - $1)::text, ''UTF8'')), '
            'pg_catalog.array_agg(pg_catalog.to_jsonb(one.*) ->> $2) FILTER (WHERE $2 IS NOT NULL) '
            'FROM (SELECT %s FROM gearbridge_rows AS one) AS one', columns
        )
        INTO payloads, unique_keys USING unwanted, unique_key;
    END IF;
    IF payloads IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM gearbridge._enqueue_many(
        TG_ARGV[0], payloads, unique_keys, coalesce(options ->> 'priority', 'normal'),
        pg_catalog.clock_timestamp() + (options ->> 'delay')::interval, (options ->> 'max_attempts')::integer, false
    );
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_enqueue_rows() IS
$comment$A trigger FOR EACH STATEMENT that enqueues a job for each row of the transition table, all in one INSERT.
The transition table must be named gearbridge_rows. The arguments are those of gman_enqueue_row() except payload=, since
the transition table holds either the old or the new rows. The errors are those of gman_enqueue_row().

Example: CREATE TRIGGER resize AFTER INSERT ON images REFERENCING NEW TABLE AS gearbridge_rows FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows('resize');
ROLLBACK takes the jobs back: no worker ever sees them.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue_rows() FROM PUBLIC;
