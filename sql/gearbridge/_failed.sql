CREATE FUNCTION gearbridge._failed(
    function text,
    error text,
    unique_key text,
    payload text,
    since timestamptz,
    until timestamptz,
    after text,
    at_most integer,
    caller gearbridge.caller DEFAULT current_user
)
RETURNS SETOF @extschema@.gman_jobs
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A search by payload would show it, and who monitors does not see it.
    SELECT gearbridge._demand(CASE WHEN _failed.payload IS NULL THEN 'monitor' ELSE 'admin' END, _failed.caller);
    SELECT shown.*
    FROM gearbridge._failed_matching(
        _failed.function, _failed.error, _failed.unique_key, _failed.payload,
        _failed.since, _failed.until, _failed.after, _failed.at_most, false
    ) AS found (handle)
    JOIN @extschema@.gman_jobs AS shown ON shown.handle = found.handle
    ORDER BY shown.finished_at DESC, shown.handle COLLATE "C" DESC;
END;

COMMENT ON FUNCTION gearbridge._failed(text, text, text, text, timestamptz, timestamptz, text, integer, gearbridge.caller) IS
$comment$Read what gman_failed() returns. Raises 42501 if the caller may not monitor; for a search by payload, if it is not an administrator.

Example: SELECT * FROM gearbridge._failed('resize', NULL, NULL, NULL, NULL, NULL, NULL, 100);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._failed(text, text, text, text, timestamptz, timestamptz, text, integer, gearbridge.caller) FROM PUBLIC;
