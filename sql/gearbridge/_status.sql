CREATE FUNCTION gearbridge._status(
    handle text,
    caller gearbridge.caller DEFAULT current_user,
    OUT known boolean,
    OUT running boolean,
    OUT numerator bigint,
    OUT denominator bigint,
    OUT percentage double precision,
    OUT waiting_clients bigint
)
RETURNS record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    job record;
BEGIN
    SELECT one.numerator, one.denominator INTO job
    FROM gearbridge.gearbridge_job AS one WHERE one.handle = _status.handle AND one.state IN (0, 1) AND gearbridge._may_read(one.function, _status.caller);
    known := FOUND;
    numerator := coalesce(job.numerator, 0);
    denominator := coalesce(job.denominator, 0);
    running := numerator > 0 OR denominator > 0;  -- whoever ends an attempt takes its progress back to 0
    percentage := 100.0 * numerator / nullif(denominator, 0);
END
$function$;

COMMENT ON FUNCTION gearbridge._status(text, gearbridge.caller) IS
$comment$The status of a job in the job table, as gman_status() returns it.

Example: SELECT known, percentage FROM gearbridge._status('S:42');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._status(text, gearbridge.caller) FROM PUBLIC;
