CREATE FUNCTION @extschema@.gman_do_low_background(function text, payload text, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN gearbridge._enqueue(function, pg_catalog.convert_to(payload, 'UTF8'), unique_key, 'low', NULL, NULL, false);
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_do_low_background(text, text, text) IS
$comment$Put a background job of low priority into the job table and return its handle. Where PL/Python is not to be had,
this is what the function of this name does: gman_enqueue() with its arguments.

Example: SELECT gman_do_low_background('sendWelcomeEmail', 'user=7');
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low_background(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_low_background(function text, payload bytea, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN gearbridge._enqueue(function, payload, unique_key, 'low', NULL, NULL, false);
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_do_low_background(text, bytea, text) IS
$comment$Put a background job of low priority into the job table and return its handle. Where PL/Python is not to be had,
this is what the function of this name does: gman_enqueue() with its arguments.

Example: SELECT gman_do_low_background('resize', 'cat.jpg'::bytea);
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low_background(text, bytea, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_low_background(function text, payload jsonb, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN gearbridge._enqueue(function, pg_catalog.convert_to(payload::text, 'UTF8'), unique_key, 'low', NULL, NULL, false);
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_do_low_background(text, jsonb, text) IS
$comment$Put a background job of low priority into the job table and return its handle. Where PL/Python is not to be had,
this is what the function of this name does: gman_enqueue() with its arguments.

Example: SELECT gman_do_low_background('index', jsonb_build_object('id', 7));
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low_background(text, jsonb, text) FROM PUBLIC;
