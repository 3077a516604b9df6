CREATE FUNCTION @extschema@.gman_failed(
    function text DEFAULT NULL,
    error text DEFAULT NULL,
    unique_key text DEFAULT NULL,
    payload text DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL,
    after text DEFAULT NULL,
    at_most integer DEFAULT 100
)
RETURNS SETOF @extschema@.gman_jobs
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT job.*
    FROM gearbridge._failed(
        gman_failed.function, gman_failed.error, gman_failed.unique_key, gman_failed.payload,
        gman_failed.since, gman_failed.until, gman_failed.after, gman_failed.at_most
    ) AS job;
END;

COMMENT ON FUNCTION @extschema@.gman_failed(text, text, text, text, timestamptz, timestamptz, text, integer) IS
$comment$Failed jobs that are kept, as rows of gman_jobs, the last one first, at most 10000.
Those of this function and unique key, whose error and payload contain these texts (case matters), which failed from since
to until. NULL leaves a condition out. The next page: until and after are finished_at and handle of the last row.
Needs the right monitor; a search by payload needs admin. Raises 22023 for another number, or after without until.

Example: SELECT handle, error FROM gman_failed('resize', error => 'no space');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_failed(text, text, text, text, timestamptz, timestamptz, text, integer) FROM PUBLIC;
