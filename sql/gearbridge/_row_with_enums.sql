-- A statement made for the row would cost more than all the rest of its job. to_jsonb() looks for no cast of a column that is
-- NULL, and a row as text is written by the types' output functions; so the enums are taken out and put back as texts.
CREATE FUNCTION gearbridge._row_with_enums(written record, names text[], enums jsonb, others jsonb, has_settings boolean)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    texts CONSTANT text := jsonb_populate_record(written, others)::text;
    rest record;
BEGIN
    IF texts = '()' OR position('"' IN texts) > 0 THEN
        RETURN NULL;
    END IF;
    rest := jsonb_populate_record(written, enums);
    RETURN CASE WHEN has_settings THEN gearbridge._row_json(rest) ELSE to_jsonb(rest) END
        || jsonb_strip_nulls(jsonb_object(names, string_to_array(substr(texts, 2, length(texts) - 2), ',', '')));
END
$function$;

COMMENT ON FUNCTION gearbridge._row_with_enums(record, text[], jsonb, jsonb, boolean) IS
$comment$A row as JSON, without a cast of its enums' owners. It takes the names of all columns, and objects with a null for each enum and for each other column, which must be of PostgreSQL's own types. NULL where a label has to be quoted.

Example: SELECT gearbridge._row_with_enums(one, '{id,mood}', '{"mood": null}', '{"id": null}', false) FROM letters AS one;
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._row_with_enums(record, text[], jsonb, jsonb, boolean) FROM PUBLIC;
