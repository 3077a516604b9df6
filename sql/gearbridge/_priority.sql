CREATE FUNCTION gearbridge._priority(priority text)
RETURNS smallint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    CASE coalesce(priority, 'normal')
        WHEN 'high' THEN RETURN 0;
        WHEN 'normal' THEN RETURN 1;
        WHEN 'low' THEN RETURN 2;
        ELSE
            RAISE invalid_parameter_value USING
                MESSAGE = format('no such priority: %s', priority),
                HINT = 'Use high, normal or low.';
    END CASE;
END
$function$;

COMMENT ON FUNCTION gearbridge._priority(text) IS
$comment$The number of a priority in the job table. NULL means normal. Raises 22023 for another word.

Example: SELECT gearbridge._priority('high');
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._priority(text) FROM PUBLIC;
