-- One INSERT, whose plan is as good on a full table as on an empty one. Every step here is a good part of what an INSERT
-- costs, so the usual case is checked in one expression, and a function is called only in other cases.
CREATE FUNCTION gearbridge._enqueue(
    function text,
    payload bytea,
    unique_key text,
    priority text,
    run_at timestamptz,
    max_attempts integer,
    keep_result boolean,
    caller gearbridge.caller DEFAULT current_user
)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    new_id CONSTANT bigint := pg_catalog.nextval('gearbridge.gearbridge_job_id_seq');
    new_handle CONSTANT text := gearbridge._handle(new_id, pg_catalog.gen_random_uuid());
    found_handle text := new_handle;
    stored_function text;
    stored_key text;
    stored_priority smallint := 1;
    due bigint := 0;
    trace text := '';
    seconds bigint;
    granted boolean;
BEGIN
    -- Fast path: here current_user is the owner. The owner and superusers may.
    IF pg_catalog.pg_has_role(_enqueue.caller, current_user, 'USAGE') IS NOT TRUE THEN
        SELECT true INTO granted FROM gearbridge._granted(_enqueue.function, _enqueue.caller);
        IF NOT FOUND THEN
            PERFORM gearbridge._demand_submit(_enqueue.function, _enqueue.caller);
        END IF;
    END IF;
    IF (
        pg_catalog.octet_length(_enqueue.function) BETWEEN 1 AND 512 AND _enqueue.payload IS NOT NULL
        AND pg_catalog.octet_length(coalesce(_enqueue.unique_key, '')) <= 255 AND coalesce(_enqueue.max_attempts, 0) >= 0
    ) IS NOT TRUE THEN
        PERFORM gearbridge._check(_enqueue.function, _enqueue.payload IS NULL, _enqueue.unique_key, _enqueue.max_attempts);
    END IF;
    -- An expression here is prepared once in a transaction, one in the INSERT for each job.
    stored_function := pg_catalog.replace(_enqueue.function, E'\\', E'\\\\');
    stored_key := pg_catalog.replace(coalesce(_enqueue.unique_key, ''), E'\\', E'\\\\');
    seconds := pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()));
    IF _enqueue.priority IS DISTINCT FROM 'normal' THEN
        stored_priority := gearbridge._priority(_enqueue.priority);
    END IF;
    IF _enqueue.run_at IS NOT NULL THEN
        due := gearbridge._due(_enqueue.run_at);
    END IF;
    IF pg_catalog.current_setting('gearbridge.traceparent', true) <> '' THEN
        trace := gearbridge._trace();
    END IF;
    LOOP
        INSERT INTO gearbridge.gearbridge_job (
            id, handle, function, unique_key, priority, payload, due, attempts, reducer,
            state, max_attempts, keep_result, enqueued, enqueued_by
        )
        VALUES (
            new_id, found_handle, stored_function, stored_key, stored_priority, _enqueue.payload, due, 0, trace,
            1, coalesce(_enqueue.max_attempts, 0), coalesce(_enqueue.keep_result, false)::integer, seconds, session_user
        )
        ON CONFLICT (function, unique_key) WHERE state = 1 AND unique_key <> '' DO NOTHING;
        EXIT WHEN FOUND;
        SELECT job.handle INTO found_handle FROM gearbridge.gearbridge_job AS job
        WHERE job.function = stored_function AND job.unique_key = stored_key
            AND job.state = 1 AND job.unique_key <> '';
        EXIT WHEN FOUND;
        -- Neither inserted nor found: the one in the way was finished in between.
        found_handle := new_handle;
    END LOOP;
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(@wake_lock@, 'gearbridge.gearbridge_job'::regclass::oid::integer) THEN
        PERFORM gearbridge._ring();
    END IF;
    RETURN found_handle;
END
$function$;

COMMENT ON FUNCTION gearbridge._enqueue(text, bytea, text, text, timestamptz, integer, boolean, gearbridge.caller) IS
$comment$Put one job into the job table and return its handle; common to the gman_enqueue functions.

Example: SELECT gearbridge._enqueue('resize', 'cat.jpg', NULL, 'normal', NULL, NULL, NULL);
ROLLBACK takes the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._enqueue(text, bytea, text, text, timestamptz, integer, boolean, gearbridge.caller) FROM PUBLIC;
