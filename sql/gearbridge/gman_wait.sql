CREATE FUNCTION @extschema@.gman_wait(handle text, timeout interval DEFAULT NULL)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._wait(handle, timeout);

COMMENT ON FUNCTION @extschema@.gman_wait(text, interval) IS
$comment$Wait until a job is finished, at most so long (NULL: as long as it takes). True when it is: done, failed, or unknown,
as is a job of a function that the caller may not submit, unless the caller may monitor.
It looks into the job table, first every few milliseconds, in the end ten times a second; statement_timeout and cancel
end it. The transaction must be READ COMMITTED and must not be the one that enqueued the job (55000, 25000).
While it waits it holds a snapshot, which holds back VACUUM in all tables of the database: wait for seconds, not hours.

Example: SELECT gman_wait('S:42', '10 seconds');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_wait(text, interval) FROM PUBLIC;
