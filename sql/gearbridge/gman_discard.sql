CREATE FUNCTION @extschema@.gman_discard(handle text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._discard(handle);

COMMENT ON FUNCTION @extschema@.gman_discard(text) IS
$comment$Delete a failed job; true if there was one. A job that was retried meanwhile has not failed, and stays.

Example: SELECT gman_discard(handle) FROM gman_failed('resize', error => 'no such user');
ROLLBACK brings the job back.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_discard(text) FROM PUBLIC;
