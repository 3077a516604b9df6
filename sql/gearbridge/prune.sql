CREATE FUNCTION gearbridge.prune(older_than interval, state text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    before CONSTANT bigint := pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - prune.older_than));
    states CONSTANT smallint[] := CASE prune.state WHEN 'done' THEN '{3}' WHEN 'failed' THEN '{2}' ELSE '{2,3}' END;
    gone bigint;
BEGIN
    IF before IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'older_than cannot be NULL';
    ELSIF prune.state NOT IN ('done', 'failed') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('no such state of a finished job: %s', prune.state),
            HINT = 'It is done or failed; NULL is both.';
    END IF;
    DELETE FROM gearbridge.gearbridge_job AS job WHERE job.state = ANY (states) AND job.finished < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$function$;

COMMENT ON FUNCTION gearbridge.prune(interval, text) IS
$comment$Delete the finished jobs that have been kept for so long: those that are done, those that failed, or both (NULL). It
returns how many. `gearbridge server` and `bridge` do so (--keep-done, --keep-failed); this is for places where neither
works from this table, with pg_cron for example.
Raises 22004 for a NULL interval, 22023 for another state.

Example: SELECT gearbridge.prune('30 days', 'failed');
ROLLBACK brings the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.prune(interval, text) FROM PUBLIC;
