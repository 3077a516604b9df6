-- In order, by the index of finished jobs, so that a page is as quick among ten million as among ten. Handles are compared byte
-- by byte.
CREATE FUNCTION gearbridge._failed_matching(
    function text, error text, unique_key text, payload text, since timestamptz, until timestamptz, after text, at_most integer,
    retryable boolean
)
RETURNS SETOF text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    stored_function CONSTANT text := replace(_failed_matching.function, E'\\', E'\\\\');
    stored_key CONSTANT text := replace(_failed_matching.unique_key, E'\\', E'\\\\');
    part CONSTANT bytea := convert_to(_failed_matching.payload, 'UTF8');
    first CONSTANT bigint := coalesce(ceil(extract(epoch FROM _failed_matching.since)), 0);
    last CONSTANT bigint := coalesce(floor(extract(epoch FROM _failed_matching.until)), 9223372036854775807);
BEGIN
    IF _failed_matching.at_most < 1 OR _failed_matching.at_most > 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'at_most must be from 1 to 10000';
    ELSIF _failed_matching.after IS NOT NULL AND _failed_matching.until IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'after needs until',
            HINT = 'Give finished_at and handle of the last job of the page before.';
    END IF;
    RETURN QUERY
    SELECT job.handle::text
    FROM gearbridge.gearbridge_job AS job
    WHERE job.state = 2 AND job.finished >= first AND job.finished <= last
        AND (_failed_matching.after IS NULL OR job.finished < last OR job.handle COLLATE "C" < _failed_matching.after)
        AND (stored_function IS NULL OR job.function = stored_function)
        AND (stored_key IS NULL OR job.unique_key = stored_key)
        AND (_failed_matching.error IS NULL OR position(_failed_matching.error IN job.error) > 0)
        AND (part IS NULL OR position(part IN job.payload) > 0)
        AND (_failed_matching.retryable IS NOT TRUE OR job.unique_key = '' OR NOT EXISTS (
            SELECT FROM gearbridge.gearbridge_job AS other
            WHERE other.function = job.function AND other.unique_key = job.unique_key AND other.state = 1 AND other.unique_key <> ''
        ))
    ORDER BY job.finished DESC, job.handle COLLATE "C" DESC
    LIMIT coalesce(_failed_matching.at_most, 100);
END
$function$;

COMMENT ON FUNCTION gearbridge._failed_matching(text, text, text, text, timestamptz, timestamptz, text, integer, boolean) IS
$comment$The handles of failed jobs that match, the last one first: see gman_failed(). With
retryable without those in whose place another unfinished job has their unique key.

Example: SELECT gearbridge._failed_matching('resize', NULL, NULL, NULL, NULL, NULL, NULL, 100, false);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._failed_matching(text, text, text, text, timestamptz, timestamptz, text, integer, boolean) FROM PUBLIC;
