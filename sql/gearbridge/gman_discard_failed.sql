CREATE FUNCTION @extschema@.gman_discard_failed(
    function text DEFAULT NULL,
    error text DEFAULT NULL,
    unique_key text DEFAULT NULL,
    payload text DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    at_most integer DEFAULT 1000
)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._discard_failed(function, error, unique_key, payload, since, until, at_most);

COMMENT ON FUNCTION @extschema@.gman_discard_failed(text, text, text, text, timestamptz, timestamptz, integer) IS
$comment$Delete failed jobs, those that gman_failed() shows for the same arguments; return how many. A job that was retried
meanwhile stays.
Call it again until it returns 0; each call is a transaction of at most 10000 jobs then.

Example: SELECT gman_discard_failed('resize', error => 'no such user');
ROLLBACK brings the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_discard_failed(text, text, text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
