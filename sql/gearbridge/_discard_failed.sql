CREATE FUNCTION gearbridge._discard_failed(
    function text,
    error text,
    unique_key text,
    payload text,
    since timestamptz,
    until timestamptz,
    at_most integer,
    caller gearbridge.caller DEFAULT current_user
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    handles text[];
    gone bigint;
BEGIN
    PERFORM gearbridge._demand('admin', _discard_failed.caller);
    handles := ARRAY(
        SELECT gearbridge._failed_matching(
            _discard_failed.function, _discard_failed.error, _discard_failed.unique_key, _discard_failed.payload,
            _discard_failed.since, _discard_failed.until, NULL, _discard_failed.at_most, false
        )
    );
    DELETE FROM gearbridge.gearbridge_job AS job WHERE job.handle = ANY (handles) AND job.state = 2;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$function$;

COMMENT ON FUNCTION gearbridge._discard_failed(text, text, text, text, timestamptz, timestamptz, integer, gearbridge.caller) IS
$comment$Do what gman_discard_failed() does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._discard_failed('resize', NULL, NULL, NULL, NULL, NULL, 1000);
ROLLBACK brings the jobs back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._discard_failed(text, text, text, text, timestamptz, timestamptz, integer, gearbridge.caller) FROM PUBLIC;
