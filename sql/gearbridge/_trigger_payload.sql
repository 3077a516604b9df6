CREATE FUNCTION gearbridge._trigger_payload(options jsonb, old_row jsonb, new_row jsonb)
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    columns CONSTANT text[] := string_to_array(options ->> 'columns', ',');
BEGIN
    IF columns IS NOT NULL THEN
        IF NOT coalesce(new_row, old_row) ?& columns THEN
            RAISE undefined_column USING MESSAGE = format(
                'there is no column "%s" for the job''s payload',
                (SELECT name FROM unnest(columns) AS name WHERE NOT coalesce(new_row, old_row) ? name LIMIT 1)
            );
        END IF;
        IF old_row IS NOT NULL THEN
            old_row := (SELECT jsonb_object_agg(key, value) FROM jsonb_each(old_row) WHERE key = ANY (columns));
        END IF;
        IF new_row IS NOT NULL THEN
            new_row := (SELECT jsonb_object_agg(key, value) FROM jsonb_each(new_row) WHERE key = ANY (columns));
        END IF;
    END IF;
    RETURN convert_to(
        CASE options ->> 'payload'
            WHEN 'both' THEN jsonb_build_object('old', old_row, 'new', new_row)
            WHEN 'old' THEN coalesce(old_row, new_row)
            ELSE coalesce(new_row, old_row)
        END::text,
        'UTF8'
    );
END
$function$;

COMMENT ON FUNCTION gearbridge._trigger_payload(jsonb, jsonb, jsonb) IS
$comment$The payload of a trigger's job: the row, or both rows, or some of their columns, as JSON in UTF-8.

Example: SELECT gearbridge._trigger_payload('{"columns": "id"}', NULL, '{"id": 7, "path": "cat.jpg"}');
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._trigger_payload(jsonb, jsonb, jsonb) FROM PUBLIC;
