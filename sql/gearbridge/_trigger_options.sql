CREATE FUNCTION gearbridge._trigger_options(arguments text[])
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    argument text;
    name text;
    options jsonb := '{}';
BEGIN
    IF coalesce(cardinality(arguments), 0) = 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'the trigger does not say which function to enqueue',
            HINT = 'Its first argument is the function, as in EXECUTE FUNCTION gman_enqueue_row(''resize'').';
    END IF;
    -- PostgreSQL counts a trigger's arguments from 0, and the array's slice keeps that.
    FOREACH argument IN ARRAY arguments[array_lower(arguments, 1) + 1:] LOOP
        name := split_part(argument, '=', 1);
        IF name NOT IN ('payload', 'columns', 'unique_key', 'priority', 'delay', 'max_attempts', 'name')
            OR position('=' IN argument) = 0 OR options ? name
            OR (name = 'payload' AND split_part(argument, '=', 2) NOT IN ('new', 'old', 'both'))
        THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('a trigger of gearbridge does not understand "%s"', argument),
                HINT = 'Arguments after the function, each at most once: payload=new, old or both; columns=NAME,NAME; '
                    'unique_key=COLUMN; priority=high, normal or low; delay=INTERVAL; max_attempts=NUMBER; name=NAME for `gearbridge trigger list`.';
        END IF;
        options := options || jsonb_build_object(name, substr(argument, length(name) + 2));
    END LOOP;
    RETURN options;
END
$function$;

COMMENT ON FUNCTION gearbridge._trigger_options(text[]) IS
$comment$The options in a trigger's arguments after the first, by name. Raises 22023 for an unknown one.

Example: SELECT gearbridge._trigger_options('{resize,"columns=id,path",priority=low}');
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._trigger_options(text[]) FROM PUBLIC;
