-- One INSERT, whose plan is as good on a full table as on an empty one. The type of `function` asks whether the caller may.
CREATE FUNCTION gearbridge._enqueue(
    function gearbridge.submittable,
    payload bytea,
    unique_key text,
    priority text,
    run_at timestamptz,
    max_attempts integer,
    keep_result boolean
)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    stored_function CONSTANT text := pg_catalog.replace(_enqueue.function, '\', '\\');
    stored_key CONSTANT text := pg_catalog.replace(coalesce(_enqueue.unique_key, ''), '\', '\\');
    stored_priority smallint := CASE _enqueue.priority WHEN 'normal' THEN 1 WHEN 'high' THEN 0 WHEN 'low' THEN 2 END;
    due bigint := 0;
    found_handle text;
BEGIN
    -- What is nearly always the case is asked here: a function call is a good part of what an INSERT costs.
    IF (
        pg_catalog.octet_length(_enqueue.function) BETWEEN 1 AND 512 AND pg_catalog.octet_length(stored_key) <= 255
        AND coalesce(_enqueue.max_attempts, 0) >= 0 AND _enqueue.payload IS NOT NULL
    ) IS NOT TRUE THEN
        PERFORM gearbridge._check(_enqueue.function, _enqueue.payload IS NULL, _enqueue.unique_key, _enqueue.max_attempts);
    END IF;
    IF stored_priority IS NULL THEN
        stored_priority := gearbridge._priority(_enqueue.priority);
    END IF;
    IF _enqueue.run_at IS NOT NULL THEN
        due := gearbridge._due(_enqueue.run_at);
    END IF;
    LOOP
        INSERT INTO gearbridge.gearbridge_job AS job (
            id, handle, function, unique_key, priority, payload, due, attempts, reducer,
            state, max_attempts, keep_result, enqueued, enqueued_by
        )
        SELECT
            next.id, 'S:' || next.id, stored_function, stored_key, stored_priority, _enqueue.payload, due, 0, '',
            1, coalesce(_enqueue.max_attempts, 0), coalesce(_enqueue.keep_result, false)::integer,
            pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp())), session_user
        FROM pg_catalog.nextval('gearbridge.gearbridge_job_id_seq') AS next (id)
        ON CONFLICT (function, unique_key) WHERE state = 1 AND unique_key <> '' DO NOTHING
        RETURNING job.handle INTO found_handle;
        IF found_handle IS NULL THEN
            SELECT job.handle INTO found_handle FROM gearbridge.gearbridge_job AS job
            WHERE job.function = stored_function AND job.unique_key = stored_key AND job.state = 1 AND job.unique_key <> '';
        END IF;
        -- Neither inserted nor found: the one in the way was finished in between.
        EXIT WHEN found_handle IS NOT NULL;
    END LOOP;
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(@wake_lock@, 'gearbridge.gearbridge_job'::regclass::oid::integer) THEN
        PERFORM gearbridge._ring();
    END IF;
    RETURN found_handle;
END
$function$;

COMMENT ON FUNCTION gearbridge._enqueue(gearbridge.submittable, bytea, text, text, timestamptz, integer, boolean) IS
$comment$Put one job into the job table and return its handle; what the gman_enqueue functions have in common.

Example: SELECT gearbridge._enqueue('resize', 'cat.jpg', NULL, 'normal', NULL, NULL, NULL);
ROLLBACK takes the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._enqueue(gearbridge.submittable, bytea, text, text, timestamptz, integer, boolean) FROM PUBLIC;
