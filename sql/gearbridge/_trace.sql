-- The trace is kept with the reducer, behind an escaped NUL: see gearbridge/traceparent.py, and names.py for the escape.
CREATE FUNCTION gearbridge._trace()
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    traceparent CONSTANT text := coalesce(current_setting('gearbridge.traceparent', true), '');
BEGIN
    IF traceparent = '' THEN
        RETURN '';
    ELSIF traceparent !~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid value for setting "gearbridge.traceparent": "%s"', traceparent),
            HINT = 'A traceparent is 00-TRACE-PARENT-FLAGS, of 32, 16 and 2 hexadecimal digits in lower case, '
                'TRACE and PARENT not all 0.';
    END IF;
    RETURN E'\\x00' || traceparent;
END
$function$;

COMMENT ON FUNCTION gearbridge._trace() IS
$comment$The traceparent of the setting gearbridge.traceparent, as stored in a job's reducer column; empty if not set.
Raises 22023 if it is not a traceparent.

Example: SELECT gearbridge._trace();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._trace() FROM PUBLIC;
