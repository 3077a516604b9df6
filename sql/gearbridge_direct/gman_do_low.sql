\for type = text
\and result = text
\and method = do_text
\and example = SELECT gman_do_low('reverse', 'hello');
\for type = bytea
\and result = bytea
\and method = do_bytes
\and example = SELECT gman_do_low('thumbnail', image) FROM picture;
\for type = jsonb
\and result = text
\and method = do_text
\and example = SELECT gman_do_low('price', jsonb_build_object('item', 7))::jsonb;
CREATE FUNCTION @extschema@.gman_do_low(function text, payload @type@, unique_key text DEFAULT NULL)
RETURNS @result@
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].@method@(function, payload, unique_key, "low")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_low(text, @type@, text) IS
$comment$Do what gman_do(text, @type@, text) does, with a job of low priority: among the jobs of its function it comes after
those of normal priority.

Example: @example@
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low(text, @type@, text) FROM PUBLIC;
\end
