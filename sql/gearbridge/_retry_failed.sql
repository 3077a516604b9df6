CREATE FUNCTION gearbridge._retry_failed(
    function text,
    error text,
    unique_key text,
    payload text,
    since timestamptz,
    until timestamptz,
    at_most integer,
    caller gearbridge.caller DEFAULT current_user
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    handles text[];
    keyed text;
    retried bigint;
BEGIN
    PERFORM gearbridge._demand('admin', _retry_failed.caller);
    handles := ARRAY(
        SELECT gearbridge._failed_matching(
            _retry_failed.function, _retry_failed.error, _retry_failed.unique_key, _retry_failed.payload,
            _retry_failed.since, _retry_failed.until, NULL, _retry_failed.at_most, true
        )
    );
    UPDATE gearbridge.gearbridge_job AS job
    SET state = 1, attempts = 0, due = 0, error = NULL, result = NULL, finished = NULL, numerator = NULL, denominator = NULL
    WHERE job.handle = ANY (handles) AND job.state = 2 AND job.unique_key = '';
    GET DIAGNOSTICS retried = ROW_COUNT;
    -- Of those with one unique key a single one can be unfinished; the others stay as they are.
    FOR keyed IN
        SELECT job.handle FROM gearbridge.gearbridge_job AS job
        WHERE job.handle = ANY (handles) AND job.state = 2 AND job.unique_key <> '' ORDER BY job.id
    LOOP
        BEGIN
            UPDATE gearbridge.gearbridge_job AS job
            SET state = 1, attempts = 0, due = 0, error = NULL, result = NULL, finished = NULL, numerator = NULL, denominator = NULL
            WHERE job.handle = keyed AND job.state = 2;
            retried := retried + FOUND::integer;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
    IF retried > 0 AND NOT pg_catalog.pg_try_advisory_xact_lock_shared(@wake_lock@, 'gearbridge.gearbridge_job'::regclass::oid::integer) THEN
        PERFORM gearbridge._ring();
    END IF;
    RETURN retried;
END
$function$;

COMMENT ON FUNCTION gearbridge._retry_failed(text, text, text, text, timestamptz, timestamptz, integer, gearbridge.caller) IS
$comment$Do what gman_retry_failed() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._retry_failed('resize', NULL, NULL, NULL, NULL, NULL, 1000);
ROLLBACK takes it back: the jobs stay as they were.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._retry_failed(text, text, text, text, timestamptz, timestamptz, integer, gearbridge.caller) FROM PUBLIC;
