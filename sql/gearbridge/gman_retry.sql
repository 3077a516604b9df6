CREATE FUNCTION @extschema@.gman_retry(handle text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._retry(handle);

COMMENT ON FUNCTION @extschema@.gman_retry(text) IS
$comment$Run a kept, finished job again, usually a failed one; true if there was one.
Its attempts count from the beginning. Raises 23505 if another unfinished job now has its unique key.

Example: SELECT gman_retry(handle) FROM gman_jobs WHERE function = 'resize' AND state = 'failed';
ROLLBACK takes it back: the job stays as it was.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_retry(text) FROM PUBLIC;
