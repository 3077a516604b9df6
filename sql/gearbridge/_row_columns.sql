CREATE FUNCTION gearbridge._row_columns(relation oid, operand text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    part record;
    listed text[] := '{}';
    expression text;
    differs boolean := false;
BEGIN
    -- An enum of others is frequent, and the same as _json_expression() makes of it is made of it here.
    FOR part IN
        SELECT own.attname, format('%s.%I', operand, own.attname) AS value, own.atttypid,
            type.typtype = 'e' AND NOT pg_has_role(type.typowner, current_user, 'USAGE') AS is_enum
        FROM pg_attribute AS own LEFT JOIN pg_type AS type ON type.oid = own.atttypid AND own.atttypid >= 16384
        WHERE own.attrelid = relation AND own.attnum > 0 AND NOT own.attisdropped ORDER BY own.attnum
    LOOP
        expression := part.value;
        IF part.is_enum THEN
            expression := format('CASE WHEN pg_catalog.num_nulls(%1$s) = 0 THEN pg_catalog.concat(%1$s) END', part.value);
            differs := true;
        ELSIF part.atttypid >= 16384 THEN
            expression := gearbridge._json_expression(part.atttypid, part.value);
            differs := differs OR expression <> part.value;
        END IF;
        listed := array_append(listed, format('%s AS %I', expression, part.attname));
    END LOOP;
    RETURN CASE WHEN differs THEN array_to_string(listed, ', ') END;
END
$function$;

COMMENT ON FUNCTION gearbridge._row_columns(oid, text) IS
$comment$The columns of a row, for a SELECT, so that to_jsonb() of it runs no code of others; NULL where it does not anyway.

Example: SELECT gearbridge._row_columns('images'::regclass, '($1)');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._row_columns(oid, text) FROM PUBLIC;
