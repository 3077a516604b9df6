CREATE FUNCTION @extschema@.gman_wait(handle text, timeout interval DEFAULT NULL)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._wait(handle, timeout);

COMMENT ON FUNCTION @extschema@.gman_wait(text, interval) IS
$comment$Wait until a job is finished, up to the time-out (NULL: without limit). True if the job is done, failed or unknown. A job
of a function that the caller may not submit is unknown, unless the caller may monitor.
It polls the job table, first every few milliseconds, later ten times a second; statement_timeout and cancelling end it. The transaction must be READ COMMITTED and must not be the one that enqueued the job (55000, 25000).
While it waits it holds a snapshot, which holds back VACUUM in all tables of the database: wait for seconds, not hours.

Example: SELECT gman_wait('S:42', '10 seconds');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_wait(text, interval) FROM PUBLIC;
