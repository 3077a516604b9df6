CREATE FUNCTION gearbridge.prune(older_than interval, state text DEFAULT NULL)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._prune(older_than, state);

COMMENT ON FUNCTION gearbridge.prune(interval, text) IS
$comment$Delete finished jobs that have been kept for longer than the interval: those that are done, those that failed, or both
(NULL). Returns their number. `gearbridge server` and `bridge` do this (--keep-done, --keep-failed); this function is for
places where neither works from this table, for example with pg_cron.
Raises 22004 for a NULL interval, 22023 for another state.

Example: SELECT gearbridge.prune('30 days', 'failed');
ROLLBACK brings the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.prune(interval, text) FROM PUBLIC;
