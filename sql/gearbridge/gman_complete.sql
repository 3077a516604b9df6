CREATE FUNCTION @extschema@.gman_complete(handle text, result bytea DEFAULT NULL)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._complete(pg_catalog.split_part(handle, '@', 1), result);

COMMENT ON FUNCTION @extschema@.gman_complete(text, bytea) IS
$comment$Complete a job in the transaction that does its work: both are committed, or neither. For workers that write to this
database. Call it before COMMIT, with the handle that the worker received, or with the unique key that a bridge made of it
(HANDLE@LIFE). False means that the job has already ended, because an earlier attempt got this far and then lost its
worker: roll back, the work is done. A job of a function for which the caller lacks the right to work
(gearbridge.grant_work) is treated as ended. In any case the worker then reports success to the job server as usual.
result is kept if the job was enqueued with keep_result.

Example: SELECT gman_complete('S:42');
ROLLBACK takes it back: the job is given out again.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_complete(text, bytea) FROM PUBLIC;
