CREATE FUNCTION gman_enqueue_row()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    options CONSTANT jsonb := gearbridge._trigger_options(TG_ARGV);
    old_row CONSTANT jsonb := CASE WHEN TG_OP OPERATOR(pg_catalog.<>) 'INSERT' THEN pg_catalog.to_jsonb(OLD) END;
    new_row CONSTANT jsonb := CASE WHEN TG_OP OPERATOR(pg_catalog.<>) 'DELETE' THEN pg_catalog.to_jsonb(NEW) END;
BEGIN
    PERFORM gearbridge._demand_submit(TG_ARGV[0], (
        SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) TG_RELID
    ));
    IF TG_LEVEL OPERATOR(pg_catalog.<>) 'ROW' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'gman_enqueue_row() is for triggers FOR EACH ROW; for statements there is gman_enqueue_rows()';
    END IF;
    PERFORM gearbridge._enqueue(
        TG_ARGV[0],
        gearbridge._trigger_payload(options, old_row, new_row),
        coalesce(new_row, old_row) OPERATOR(pg_catalog.->>) (options OPERATOR(pg_catalog.->>) 'unique_key'),
        coalesce(options OPERATOR(pg_catalog.->>) 'priority', 'normal'),
        pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) (options OPERATOR(pg_catalog.->>) 'delay')::interval,
        (options OPERATOR(pg_catalog.->>) 'max_attempts')::integer,
        false
    );
    RETURN coalesce(NEW, OLD);
END
$function$;

COMMENT ON FUNCTION gman_enqueue_row() IS
$comment$A trigger FOR EACH ROW that enqueues a job of the function that is its first argument, as part of the transaction.
The payload is the row as JSON: the new one, where there is one. More arguments, once each: payload=old or payload=both
(then {"old": ..., "new": ...}); columns=NAME,NAME (only these); unique_key=COLUMN; priority=high, normal or low;
delay=INTERVAL; max_attempts=NUMBER. Whoever changes the table needs no right to enqueue; its owner must be allowed to
submit jobs of this function (gearbridge.grant_submit).
Raises 22023 for an argument that it does not understand, 42703 for a column that there is not.

Example: CREATE TRIGGER resize AFTER INSERT OR UPDATE OF path ON images FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('resize', 'columns=id,path');
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION gman_enqueue_row() FROM PUBLIC;
