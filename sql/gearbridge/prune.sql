CREATE FUNCTION gearbridge.prune(older_than interval, state text DEFAULT NULL)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._prune(older_than, state);

COMMENT ON FUNCTION gearbridge.prune(interval, text) IS
$comment$Delete the finished jobs that have been kept for so long: those that are done, those that failed, or both (NULL). It
returns how many. `gearbridge server` and `bridge` do so (--keep-done, --keep-failed); this is for places where neither
works from this table, with pg_cron for example.
Raises 22004 for a NULL interval, 22023 for another state.

Example: SELECT gearbridge.prune('30 days', 'failed');
ROLLBACK brings the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.prune(interval, text) FROM PUBLIC;
