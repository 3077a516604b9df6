\for type = text
\and example = SELECT gman_do_background('sendWelcomeEmail', 'user=7');
\for type = bytea
\and example = SELECT gman_do_background('resize', 'cat.jpg'::bytea);
\for type = jsonb
\and example = SELECT gman_do_background('index', jsonb_build_object('id', 7));
CREATE FUNCTION @extschema@.gman_do_background(function text, payload @type@, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN gearbridge._enqueue(function, gearbridge._payload(payload), unique_key, 'normal', NULL, NULL, false);
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, @type@, text) IS
$comment$Put a background job of normal priority into the job table and return its handle. This is the function of this name for
places without PL/Python: gman_enqueue() with its arguments.

Example: @example@
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, @type@, text) FROM PUBLIC;
\end
