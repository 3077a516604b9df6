-- One INSERT for all. With unique keys, which may meet each other and others' jobs, one for each.
CREATE FUNCTION gearbridge._enqueue_many(
    function text,
    payloads bytea[],
    unique_keys text[],
    priority text,
    run_at timestamptz,
    max_attempts integer,
    keep_result boolean,
    caller gearbridge.caller DEFAULT current_user
)
RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    stored_function CONSTANT gearbridge.gearbridge_job.function%TYPE := pg_catalog.replace(_enqueue_many.function, E'\\', E'\\\\');
    stored_priority smallint := 1;
    stored_attempts CONSTANT integer := coalesce(_enqueue_many.max_attempts, 0);
    stored_keep CONSTANT smallint := coalesce(_enqueue_many.keep_result, false)::integer;
    due bigint := 0;
    seconds CONSTANT bigint := pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()));
    trace gearbridge.gearbridge_job.reducer%TYPE := '';
    submitter CONSTANT gearbridge.gearbridge_job.enqueued_by%TYPE := session_user;
    secret CONSTANT bytea := pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid());
    random bytea[];
    handles text[];
    granted boolean;
BEGIN
    -- As in _enqueue(), the usual case is checked in one expression.
    IF pg_catalog.pg_has_role(_enqueue_many.caller, current_user, 'USAGE') IS NOT TRUE THEN
        SELECT true INTO granted FROM gearbridge._granted(_enqueue_many.function, _enqueue_many.caller);
        IF NOT FOUND THEN
            PERFORM gearbridge._demand_submit(_enqueue_many.function, _enqueue_many.caller);
        END IF;
    END IF;
    IF (
        pg_catalog.octet_length(_enqueue_many.function) BETWEEN 1 AND 512
        AND pg_catalog.array_ndims(_enqueue_many.payloads) = 1
        AND pg_catalog.array_position(_enqueue_many.payloads, NULL) IS NULL
        AND coalesce(_enqueue_many.max_attempts, 0) >= 0
    ) IS NOT TRUE THEN
        IF pg_catalog.array_ndims(_enqueue_many.payloads) > 1 THEN
            RAISE array_subscript_error USING MESSAGE = 'the payloads must be an array of one dimension';
        END IF;
        PERFORM gearbridge._check(
            _enqueue_many.function,
            _enqueue_many.payloads IS NULL OR pg_catalog.array_position(_enqueue_many.payloads, NULL) IS NOT NULL,
            NULL, _enqueue_many.max_attempts
        );
    END IF;
    IF _enqueue_many.priority IS DISTINCT FROM 'normal' THEN
        stored_priority := gearbridge._priority(_enqueue_many.priority);
    END IF;
    IF _enqueue_many.run_at IS NOT NULL THEN
        due := gearbridge._due(_enqueue_many.run_at);
    END IF;
    IF pg_catalog.current_setting('gearbridge.traceparent', true) <> '' THEN
        trace := gearbridge._trace();
    END IF;
    IF _enqueue_many.unique_keys IS NOT NULL THEN
        IF pg_catalog.cardinality(_enqueue_many.unique_keys) <> pg_catalog.cardinality(_enqueue_many.payloads) THEN
            RAISE array_subscript_error USING MESSAGE = 'there must be as many unique keys as payloads';
        END IF;
        RETURN ARRAY(
            SELECT gearbridge._enqueue(
                _enqueue_many.function, one.payload, one.unique_key, _enqueue_many.priority, _enqueue_many.run_at,
                _enqueue_many.max_attempts, _enqueue_many.keep_result
            )
            FROM ROWS FROM (pg_catalog.unnest(_enqueue_many.payloads), pg_catalog.unnest(_enqueue_many.unique_keys)) WITH ORDINALITY
                AS one (payload, unique_key, place)
            ORDER BY one.place
        );
    END IF;
    -- Eight bytes for each handle. SHA-512 of a secret and a counter is a keyed pseudorandom function: known handles of a
    -- call do not help to compute its others. To draw random bytes for each job costs five times as much.
    FOR block IN 0..pg_catalog.cardinality(_enqueue_many.payloads) / 8 LOOP
        random[block] := pg_catalog.sha512(secret || pg_catalog.int4send(block));
    END LOOP;
    WITH put AS (
        INSERT INTO gearbridge.gearbridge_job AS job (
            id, handle, function, unique_key, priority, payload, due, attempts, reducer,
            state, max_attempts, keep_result, enqueued, enqueued_by
        )
        SELECT
            one.id, 'S:' || one.id || '-' || pg_catalog.encode(pg_catalog.substr(random[one.place >> 3], 1 + 8 * (one.place & 7), 8), 'hex'),
            stored_function, '', stored_priority, one.payload, due, 0, trace,
            1, stored_attempts, stored_keep, seconds, submitter
        FROM (
            SELECT pg_catalog.nextval('gearbridge.gearbridge_job_id_seq') AS id, each.payload, each.place::integer AS place
            FROM pg_catalog.unnest(_enqueue_many.payloads) WITH ORDINALITY AS each (payload, place)
        ) AS one
        RETURNING job.handle
    )
    SELECT coalesce(pg_catalog.array_agg(put.handle::text), '{}') INTO handles FROM put;
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(@wake_lock@, 'gearbridge.gearbridge_job'::regclass::oid::integer) THEN
        PERFORM gearbridge._ring();
    END IF;
    RETURN handles;
END
$function$;

COMMENT ON FUNCTION gearbridge._enqueue_many(text, bytea[], text[], text, timestamptz, integer, boolean, gearbridge.caller) IS
$comment$Put a job for each payload into the job table; common to the gman_enqueue_many functions.

Example: SELECT gearbridge._enqueue_many('resize', '{cat.jpg}', NULL, 'normal', NULL, NULL, NULL);
ROLLBACK takes the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._enqueue_many(text, bytea[], text[], text, timestamptz, integer, boolean, gearbridge.caller) FROM PUBLIC;
