CREATE FUNCTION gearbridge._row_columns(relation oid, operand text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Enums are frequent, so they get the expression of _json_expression() here, without calling it.
    RETURN (
        SELECT CASE WHEN bool_or(one.expression <> one.value) THEN
            string_agg(format('%s AS %I', one.expression, one.attname), ', ' ORDER BY one.attnum)
        END
        FROM (
            SELECT own.attname, own.attnum, part.value, CASE
                WHEN own.atttypid < 16384 THEN part.value
                WHEN (SELECT type.typtype = 'e' AND NOT pg_has_role(type.typowner, current_user, 'USAGE')
                    FROM pg_type AS type WHERE type.oid = own.atttypid)
                THEN format('CASE WHEN pg_catalog.num_nulls(%1$s) = 0 THEN pg_catalog.concat(%1$s) END', part.value)
                ELSE gearbridge._json_expression(own.atttypid, part.value)
            END AS expression
            FROM pg_attribute AS own CROSS JOIN LATERAL (SELECT format('%s.%I', operand, own.attname)) AS part (value)
            -- As a subquery, so that the plan is generic: a parameter here would be planned anew each time.
            WHERE own.attrelid = (SELECT relation) AND own.attnum > 0 AND NOT own.attisdropped
            OFFSET 0
        ) AS one
    );
END
$function$;

COMMENT ON FUNCTION gearbridge._row_columns(oid, text) IS
$comment$The columns of a row, as the list of a SELECT, so that to_jsonb() of it runs no code of a type's owner; NULL if it runs none anyway.

Example: SELECT gearbridge._row_columns('images'::regclass, '($1)');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._row_columns(oid, text) FROM PUBLIC;
