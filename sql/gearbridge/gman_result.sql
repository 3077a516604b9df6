CREATE FUNCTION @extschema@.gman_result(handle text)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN gearbridge._result(handle);

COMMENT ON FUNCTION @extschema@.gman_result(text) IS
$comment$The result of a job that was enqueued with keep_result and is done, else NULL; convert_from(..., 'UTF8') makes text of it.
Raises GB001, with the worker's error, for a job that failed for good. A job of a function that the caller may not submit
is treated as missing, unless the caller may monitor.

Example: SELECT convert_from(gman_result('S:42'), 'UTF8');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_result(text) FROM PUBLIC;
