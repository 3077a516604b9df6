CREATE FUNCTION gearbridge._check(function text, payload_is_null boolean, unique_key text, max_attempts integer)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF function IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'gearman function cannot be NULL';
    ELSIF payload_is_null THEN
        RAISE null_value_not_allowed USING MESSAGE = 'gearman payload cannot be NULL';
    ELSIF function = '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a function name cannot be empty';
    ELSIF octet_length(function) > 512 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a function name cannot be longer than 512 bytes';
    ELSIF octet_length(unique_key) > 255 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a unique key cannot be longer than 255 bytes';
    ELSIF max_attempts < 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'max_attempts cannot be negative';
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._check(text, boolean, text, integer) IS
$comment$Raise 22004 or 22023 for values that a job cannot have.

Example: SELECT gearbridge._check('resize', false, NULL, 5);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._check(text, boolean, text, integer) FROM PUBLIC;
