-- PL/pgSQL appends to the array in place, so collecting n jobs is no work of n times n.
CREATE FUNCTION gearbridge._sum_add(jobs text[], function text, workload text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    jobs := array_append(jobs, function);
    jobs := array_append(jobs, workload);
    RETURN jobs;
END
$function$;

COMMENT ON FUNCTION gearbridge._sum_add(text[], text, text) IS
$comment$Append one job for gman_sum() to the array: its function, then its payload.

Example: SELECT gearbridge._sum_add(NULL, 'count', 'a');
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._sum_add(text[], text, text) FROM PUBLIC;
