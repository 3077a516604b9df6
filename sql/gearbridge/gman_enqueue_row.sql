CREATE FUNCTION @extschema@.gman_enqueue_row()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    options CONSTANT jsonb := CASE TG_NARGS WHEN 1 THEN '{}' ELSE gearbridge._trigger_options(TG_ARGV) END;
    owner oid;
    granted boolean;
    is_partition boolean;
    has_types boolean;
    has_settings boolean;
    kinds integer;
    names text[];
    enums text[];
    columns text;
    old_row jsonb;
    new_row jsonb;
    run_at timestamptz;
BEGIN
    IF TG_LEVEL <> 'ROW' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'gman_enqueue_row() is for triggers FOR EACH ROW; for statements there is gman_enqueue_rows()';
    END IF;
    IF pg_catalog.current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM gearbridge._demand_current(TG_RELID);
    END IF;
    -- PostgreSQL's own types have numbers below 16384. Another type may have a cast to json by its owner; a domain is
    -- converted as its base type. Money depends on lc_monetary; its type's number is 790, and that of its array 791.
    SELECT relation.relowner, relation.relispartition, EXISTS (
        SELECT FROM pg_catalog.pg_attribute AS part
        WHERE part.attrelid = relation.oid AND part.attnum > 0 AND (part.atttypid >= 16384 OR part.atttypid IN (790, 791))
            AND NOT part.attisdropped AND (
                SELECT type.typtype = 'd' AND type.typbasetype < 16384 AND type.typbasetype NOT IN (790, 791)
                FROM pg_catalog.pg_type AS type WHERE type.oid = part.atttypid
            ) IS NOT TRUE
    )
    INTO owner, is_partition, has_types FROM pg_catalog.pg_class AS relation WHERE relation.oid = TG_RELID;
    IF is_partition THEN
        owner := gearbridge._trigger_owner(TG_RELID, TG_NAME);
    END IF;
    IF pg_catalog.pg_has_role(owner, current_user, 'USAGE') IS NOT TRUE THEN
        SELECT true INTO granted FROM gearbridge._granted(TG_ARGV[0], pg_catalog.pg_get_userbyid(owner));
        IF NOT FOUND THEN
            PERFORM gearbridge._demand_submit(TG_ARGV[0], pg_catalog.pg_get_userbyid(owner));
        END IF;
    END IF;
    has_settings := pg_catalog.current_setting('timezone') NOT IN ('UTC', 'Etc/UTC', 'GMT')
        OR pg_catalog.current_setting('bytea_output') <> 'hex' OR pg_catalog.current_setting('intervalstyle') <> 'postgres'
        OR pg_catalog.current_setting('extra_float_digits')::integer < 1
        OR pg_catalog.current_setting('datestyle') NOT LIKE 'ISO%';
    IF has_types THEN
        -- 1: an enum of another role; 2: a domain, whose CHECK may be another role's; 4: a type whose parts must be checked.
        SELECT pg_catalog.bit_or(part.kind), pg_catalog.array_agg(part.attname::text),
            pg_catalog.array_agg(part.attname::text) FILTER (WHERE part.kind = 1)
        INTO kinds, names, enums
        FROM (
            SELECT own.attname, CASE
                WHEN own.atttypid < 16384 THEN CASE WHEN own.atttypid IN (790, 791) THEN 4 ELSE 0 END
                ELSE (SELECT CASE
                    WHEN type.typtype = 'e' AND NOT pg_catalog.pg_has_role(type.typowner, current_user, 'USAGE') THEN 1
                    WHEN type.typtype = 'd' AND type.typbasetype < 16384 AND type.typbasetype NOT IN (790, 791) THEN 2
                    ELSE 4
                END FROM pg_catalog.pg_type AS type WHERE type.oid = own.atttypid)
            END AS kind
            FROM pg_catalog.pg_attribute AS own
            -- As a subquery, so that the plan is generic: a parameter here would be planned anew each time.
            WHERE own.attrelid = (SELECT TG_RELID) AND own.attnum > 0 AND NOT own.attisdropped
            ORDER BY own.attnum
            OFFSET 0
        ) AS part;
        IF kinds = 1 THEN
            old_row := CASE WHEN TG_OP <> 'INSERT' THEN gearbridge._row_with_enums(OLD, names, enums, has_settings) END;
            new_row := CASE WHEN TG_OP <> 'DELETE' THEN gearbridge._row_with_enums(NEW, names, enums, has_settings) END;
        END IF;
        IF kinds <> 2 AND ((TG_OP <> 'INSERT' AND old_row IS NULL) OR (TG_OP <> 'DELETE' AND new_row IS NULL)) THEN
            columns := gearbridge._row_columns(TG_RELID, '($1)');
            has_settings := true;
            old_row := NULL;
            new_row := NULL;
        END IF;
    END IF;
    IF old_row IS NULL AND new_row IS NULL THEN
        IF has_settings THEN
            old_row := CASE WHEN TG_OP <> 'INSERT' THEN gearbridge._row_json(OLD, columns) END;
            new_row := CASE WHEN TG_OP <> 'DELETE' THEN gearbridge._row_json(NEW, columns) END;
        ELSE
            old_row := CASE WHEN TG_OP <> 'INSERT' THEN pg_catalog.to_jsonb(OLD) END;
            new_row := CASE WHEN TG_OP <> 'DELETE' THEN pg_catalog.to_jsonb(NEW) END;
        END IF;
    END IF;
    IF TG_NARGS = 1 THEN
        PERFORM gearbridge._enqueue(
            TG_ARGV[0], pg_catalog.convert_to(coalesce(new_row, old_row)::text, 'UTF8'), NULL, 'normal', NULL, NULL, false
        );
        RETURN coalesce(NEW, OLD);
    ELSIF NOT coalesce(new_row, old_row) ? coalesce(options ->> 'unique_key', '') AND options ? 'unique_key' THEN
        RAISE undefined_column USING
            MESSAGE = pg_catalog.format('there is no column "%s" for the job''s unique key', options ->> 'unique_key');
    ELSIF options ? 'delay' THEN
        run_at := pg_catalog.clock_timestamp() + (options ->> 'delay')::interval;
    END IF;
    PERFORM gearbridge._enqueue(
        TG_ARGV[0],
        gearbridge._trigger_payload(options, old_row, new_row),
        coalesce(new_row, old_row) ->> (options ->> 'unique_key'),
        coalesce(options ->> 'priority', 'normal'),
        run_at,
        (options ->> 'max_attempts')::integer,
        false
    );
    RETURN coalesce(NEW, OLD);
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_enqueue_row() IS
$comment$A trigger FOR EACH ROW that enqueues a job of the function that is its first argument, as part of the transaction.
The payload is the row as JSON: the new one, where there is one. More arguments, once each: payload=old or payload=both
(then {"old": ..., "new": ...}); columns=NAME,NAME (only these); unique_key=COLUMN; priority=high, normal or low;
delay=INTERVAL; max_attempts=NUMBER. A role that changes the table needs no right to enqueue; the table's owner must be
allowed to submit jobs of this function (gearbridge.grant_submit). For a partition that is the owner of the partitioned
table. The session's settings do not change the payload: times are in UTC, bytea is hex. Only casts to json made by a
superuser or an extension are used; values of other types, such as enums, are text in their output form.
Raises 22023 for an unknown argument, 42703 for a missing column, and 40001 in a transaction above READ COMMITTED whose
snapshot is older than a change of the table or its types.

Example: CREATE TRIGGER resize AFTER INSERT OR UPDATE OF path ON images FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('resize', 'columns=id,path');
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue_row() FROM PUBLIC;
