-- One INSERT, whose plan is as good on a full table as on an empty one. Whoever gets here was allowed to by the caller.
CREATE FUNCTION gearbridge._enqueue(
    function text,
    payload bytea,
    unique_key text,
    priority text,
    run_at timestamptz,
    max_attempts integer,
    keep_result boolean
)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    stored_function CONSTANT text := replace(_enqueue.function, '\', '\\');
    stored_key CONSTANT text := replace(coalesce(_enqueue.unique_key, ''), '\', '\\');
    found_handle text;
BEGIN
    PERFORM gearbridge._check(_enqueue.function, _enqueue.unique_key, _enqueue.max_attempts);
    IF _enqueue.payload IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'gearman payload cannot be NULL';
    END IF;
    LOOP
        INSERT INTO gearbridge.gearbridge_job AS job (
            id, handle, function, unique_key, priority, payload, due, attempts, reducer,
            state, max_attempts, keep_result, enqueued, enqueued_by
        )
        SELECT
            next.id, 'S:' || next.id, stored_function, stored_key, gearbridge._priority(_enqueue.priority), _enqueue.payload,
            gearbridge._due(_enqueue.run_at), 0, '',
            1, coalesce(_enqueue.max_attempts, 0), coalesce(_enqueue.keep_result, false)::integer,
            extract(epoch FROM clock_timestamp())::bigint, session_user
        FROM nextval('gearbridge.gearbridge_job_id_seq') AS next (id)
        ON CONFLICT (function, unique_key) WHERE state = 1 AND unique_key <> '' DO NOTHING
        RETURNING job.handle INTO found_handle;
        IF found_handle IS NULL THEN
            SELECT job.handle INTO found_handle FROM gearbridge.gearbridge_job AS job
            WHERE job.function = stored_function AND job.unique_key = stored_key AND job.state = 1 AND job.unique_key <> '';
        END IF;
        -- Neither inserted nor found: the one in the way was finished in between.
        EXIT WHEN found_handle IS NOT NULL;
    END LOOP;
    PERFORM gearbridge._wake();
    RETURN found_handle;
END
$function$;

COMMENT ON FUNCTION gearbridge._enqueue(text, bytea, text, text, timestamptz, integer, boolean) IS
$comment$Put one job into the job table and return its handle; what the gman_enqueue functions have in common.

Example: SELECT gearbridge._enqueue('resize', 'cat.jpg', NULL, 'normal', NULL, NULL, NULL);
ROLLBACK takes the job back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._enqueue(text, bytea, text, text, timestamptz, integer, boolean) FROM PUBLIC;
