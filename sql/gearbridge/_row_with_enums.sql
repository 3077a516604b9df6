-- A statement made for the row would cost more than all the rest of its job. to_jsonb() looks for no cast of a column that is
-- NULL, and a row as text is written by the types' output functions; so the enums are taken out and put back as texts.
CREATE FUNCTION gearbridge._row_with_enums(written record, names text[], enums text[], has_settings boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    nulls CONSTANT jsonb := jsonb_object(names, array_fill(NULL::text, ARRAY[cardinality(names)]));
    texts CONSTANT text := jsonb_populate_record(written, nulls - enums)::text;
    rest record;
BEGIN
    IF texts = '()' OR position('"' IN texts) > 0 THEN
        RETURN NULL;
    END IF;
    rest := jsonb_populate_record(written, jsonb_object(enums, array_fill(NULL::text, ARRAY[cardinality(enums)])));
    RETURN CASE WHEN has_settings THEN gearbridge._row_json(rest) ELSE to_jsonb(rest) END
        || jsonb_strip_nulls(jsonb_object(names, string_to_array(substr(texts, 2, length(texts) - 2), ',', '')));
END
$function$;

COMMENT ON FUNCTION gearbridge._row_with_enums(record, text[], text[], boolean) IS
$comment$A row as JSON that runs no cast of its enums' owners. names are all columns, enums those of enum types; the others must have PostgreSQL's own types. NULL if a label must be quoted.

Example: SELECT gearbridge._row_with_enums(one, '{id,mood}', '{mood}', false) FROM letters AS one;
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._row_with_enums(record, text[], text[], boolean) FROM PUBLIC;
