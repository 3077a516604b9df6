CREATE FUNCTION gearbridge._due(run_at timestamptz)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF run_at IS NULL THEN
        RETURN 0;
    ELSIF NOT isfinite(run_at) OR extract(epoch FROM run_at) < 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('run_at cannot be %s', run_at);
    END IF;
    RETURN ceil(extract(epoch FROM run_at));
END
$function$;

COMMENT ON FUNCTION gearbridge._due(timestamptz) IS
$comment$A point in time in whole seconds since 1970, rounded up; NULL gives 0, which means at once.
Raises 22023 for a time before 1970 or infinity.

Example: SELECT gearbridge._due(now() + interval '1 hour');
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._due(timestamptz) FROM PUBLIC;
