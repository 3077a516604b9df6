-- The settings are not those of the trigger's function, because each costs as much for a row as a column does: they are
-- needed only where the session has others.
CREATE FUNCTION gearbridge._row_json(written record, columns text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET bytea_output = 'hex'
SET datestyle = 'ISO, YMD'
SET extra_float_digits = 1
SET intervalstyle = 'postgres'
SET lc_monetary = 'C'
SET timezone = 'UTC'
AS $function$
DECLARE
    shown jsonb;
BEGIN
    IF columns IS NULL THEN
        RETURN to_jsonb(written);
    END IF;
    EXECUTE format('SELECT pg_catalog.to_jsonb(one.*) FROM (SELECT %s) AS one', columns) INTO shown USING written;
    RETURN shown;
END
$function$;

COMMENT ON FUNCTION gearbridge._row_json(record, text) IS
$comment$A row as JSON, independent of the session's settings. columns is NULL or what gearbridge._row_columns() returns for ($1).

Example: SELECT gearbridge._row_json(one) FROM images AS one;
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._row_json(record, text) FROM PUBLIC;
