-- One INSERT, whose plan is as good on a full table as on an empty one. Every step here is a good part of what an INSERT
-- costs, so what is nearly always the case is asked in one expression, and a function is called only where it is not.
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
    found_handle text := 'S:' || new_id;
BEGIN
    -- Who could grant it to himself, an administrator or the owner, may; that is quick to ask.
    IF pg_catalog.has_table_privilege(_enqueue.caller, 'gearbridge.role_right'::regclass, 'INSERT') IS NOT TRUE THEN
        IF NOT EXISTS (SELECT FROM gearbridge._granted(_enqueue.function, _enqueue.caller)) THEN
            PERFORM gearbridge._demand_submit(_enqueue.function, _enqueue.caller);
        END IF;
    END IF;
    IF (
        pg_catalog.octet_length(_enqueue.function) BETWEEN 1 AND 512 AND _enqueue.payload IS NOT NULL
        AND pg_catalog.octet_length(coalesce(_enqueue.unique_key, '')) <= 255 AND coalesce(_enqueue.max_attempts, 0) >= 0
    ) IS NOT TRUE THEN
        PERFORM gearbridge._check(_enqueue.function, _enqueue.payload IS NULL, _enqueue.unique_key, _enqueue.max_attempts);
    END IF;
    LOOP
        INSERT INTO gearbridge.gearbridge_job (
            id, handle, function, unique_key, priority, payload, due, attempts, reducer,
            state, max_attempts, keep_result, enqueued, enqueued_by
        )
        VALUES (
            new_id, found_handle, pg_catalog.replace(_enqueue.function, '\', '\\'),
            pg_catalog.replace(coalesce(_enqueue.unique_key, ''), '\', '\\'),
            CASE _enqueue.priority WHEN 'normal' THEN 1 ELSE gearbridge._priority(_enqueue.priority) END, _enqueue.payload,
            CASE WHEN _enqueue.run_at IS NULL THEN 0 ELSE gearbridge._due(_enqueue.run_at) END, 0,
            CASE coalesce(pg_catalog.current_setting('gearbridge.traceparent', true), '') WHEN '' THEN '' ELSE gearbridge._trace() END,
            1, coalesce(_enqueue.max_attempts, 0), coalesce(_enqueue.keep_result, false)::integer,
            pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())), session_user
        )
        ON CONFLICT (function, unique_key) WHERE state = 1 AND unique_key <> '' DO NOTHING;
        EXIT WHEN FOUND;
        SELECT job.handle INTO found_handle FROM gearbridge.gearbridge_job AS job
        WHERE job.function = pg_catalog.replace(_enqueue.function, '\', '\\')
            AND job.unique_key = pg_catalog.replace(_enqueue.unique_key, '\', '\\')
            AND job.state = 1 AND job.unique_key <> '';
        EXIT WHEN FOUND;
        -- Neither inserted nor found: the one in the way was finished in between.
        found_handle := 'S:' || new_id;
    END LOOP;
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(@wake_lock@, 'gearbridge.gearbridge_job'::regclass::oid::integer) THEN
        PERFORM gearbridge._ring();
    END IF;
    RETURN found_handle;
END
$function$;

COMMENT ON FUNCTION gearbridge._enqueue(text, bytea, text, text, timestamptz, integer, boolean, gearbridge.caller) IS
$comment$Put one job into the job table and return its handle; what the gman_enqueue functions have in common.

Example: SELECT gearbridge._enqueue('resize', 'cat.jpg', NULL, 'normal', NULL, NULL, NULL);
ROLLBACK takes the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._enqueue(text, bytea, text, text, timestamptz, integer, boolean, gearbridge.caller) FROM PUBLIC;
