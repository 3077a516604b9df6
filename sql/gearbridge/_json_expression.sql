CREATE FUNCTION gearbridge._json_expression(type oid, operand text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    about record;
BEGIN
    IF gearbridge._is_trusted(type) THEN
        RETURN operand;
    END IF;
    SELECT own.typtype, own.typbasetype, own.typrelid, own.typsubscript::oid = 'array_subscript_handler'::regproc AS is_array
    INTO about FROM pg_type AS own WHERE own.oid = type;
    IF about.typtype = 'd' THEN
        RETURN gearbridge._json_expression(about.typbasetype, operand);
    ELSIF about.typtype = 'c' THEN
        RETURN format(
            'CASE WHEN pg_catalog.num_nulls(%s) = 0 THEN (SELECT pg_catalog.to_jsonb(one.*) FROM (SELECT %s) AS one) END',
            operand, gearbridge._row_columns(about.typrelid, format('(%s)', operand))
        );
    END IF;
    -- Not operand::text, for which there may be a cast: this calls the type's output function.
    RETURN format(
        'CASE WHEN pg_catalog.num_nulls(%1$s) = 0 THEN pg_catalog.concat(%1$s)%2$s END',
        operand, CASE WHEN about.is_array THEN '::text[]' END
    );
END
$function$;

COMMENT ON FUNCTION gearbridge._json_expression(oid, text) IS
$comment$An SQL expression that converts a value of this type to JSON without running code of a type's owner. The value itself if to_jsonb() runs none.

Example: SELECT gearbridge._json_expression('text'::regtype, '$1.path');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._json_expression(oid, text) FROM PUBLIC;
