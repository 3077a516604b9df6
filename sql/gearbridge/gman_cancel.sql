CREATE FUNCTION @extschema@.gman_cancel(handle text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._cancel(handle);

COMMENT ON FUNCTION @extschema@.gman_cancel(text) IS
$comment$Take a job that SQL enqueued out of the job table, if it is not finished; whether there was one.
A worker that has it in hand already goes on, but its result is kept nowhere. A job server that holds it ready may
still give it out; `gearbridge admin cancel` takes it from there, too.

Example: SELECT gman_cancel('S:42');
ROLLBACK brings the job back.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_cancel(text) FROM PUBLIC;
