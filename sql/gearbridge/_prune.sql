CREATE FUNCTION gearbridge._prune(older_than interval, state text, caller gearbridge.caller DEFAULT current_user)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    before CONSTANT bigint := pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - _prune.older_than));
    states CONSTANT smallint[] := CASE _prune.state WHEN 'done' THEN '{3}' WHEN 'failed' THEN '{2}' ELSE '{2,3}' END;
    gone bigint;
BEGIN
    PERFORM gearbridge._demand('admin', _prune.caller);
    IF before IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'older_than cannot be NULL';
    ELSIF _prune.state NOT IN ('done', 'failed') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('no such state of a finished job: %s', _prune.state),
            HINT = 'Use done or failed; NULL means both.';
    END IF;
    DELETE FROM gearbridge.gearbridge_job AS job WHERE job.state = ANY (states) AND job.finished < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$function$;

COMMENT ON FUNCTION gearbridge._prune(interval, text, gearbridge.caller) IS
$comment$Do what gearbridge.prune() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._prune('30 days', 'failed');
ROLLBACK brings the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._prune(interval, text, gearbridge.caller) FROM PUBLIC;
