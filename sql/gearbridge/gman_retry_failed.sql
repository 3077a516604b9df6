CREATE FUNCTION @extschema@.gman_retry_failed(
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
RETURN gearbridge._retry_failed(function, error, unique_key, payload, since, until, at_most);

COMMENT ON FUNCTION @extschema@.gman_retry_failed(text, text, text, text, timestamptz, timestamptz, integer) IS
$comment$Run failed jobs again, those that gman_failed() shows for the same arguments; return how many. Their attempts count from
the beginning. A job stays failed while another unfinished job of its function has its unique key.
Call it again until it returns 0; each call is a transaction of at most 10000 jobs then.

Example: SELECT gman_retry_failed('resize', error => 'no space');
ROLLBACK takes it back: the jobs stay as they were.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_retry_failed(text, text, text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
