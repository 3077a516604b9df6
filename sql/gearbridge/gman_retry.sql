CREATE FUNCTION @extschema@.gman_retry(handle text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._retry(handle);

COMMENT ON FUNCTION @extschema@.gman_retry(text) IS
$comment$Have a finished job that was kept, a failed one above all, done once more; whether there was one.
Its attempts count from the beginning. Raises 23505 where another unfinished job has its unique key by now.

Example: SELECT gman_retry(handle) FROM gman_jobs WHERE function = 'resize' AND state = 'failed';
ROLLBACK takes it back: the job stays as it was.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_retry(text) FROM PUBLIC;
