CREATE FUNCTION @extschema@.gman_cancel(handle text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._cancel(handle);

COMMENT ON FUNCTION @extschema@.gman_cancel(text) IS
$comment$Delete an enqueued job from the job table if it is not finished; true if there was one.
A worker that already runs it goes on, but its result is discarded. A job server that has already claimed it may still
give it to a worker; `gearbridge admin cancel` cancels it there, too.

Example: SELECT gman_cancel('S:42');
ROLLBACK brings the job back.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_cancel(text) FROM PUBLIC;
