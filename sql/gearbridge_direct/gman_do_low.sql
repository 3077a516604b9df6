CREATE FUNCTION @extschema@.gman_do_low(function text, payload text, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_text(function, payload, unique_key, "low")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_low(text, text, text) IS
$comment$Do what gman_do(text, text, text) does, with a job of low priority: among the jobs of its function it comes after
those of normal priority.

Example: SELECT gman_do_low('reverse', 'hello');
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_low(function text, payload bytea, unique_key text DEFAULT NULL)
RETURNS bytea
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_bytes(function, payload, unique_key, "low")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_low(text, bytea, text) IS
$comment$Do what gman_do(text, bytea, text) does, with a job of low priority: among the jobs of its function it comes after
those of normal priority.

Example: SELECT gman_do_low('thumbnail', image) FROM picture;
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low(text, bytea, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_low(function text, payload jsonb, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_text(function, payload, unique_key, "low")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_low(text, jsonb, text) IS
$comment$Do what gman_do(text, jsonb, text) does, with a job of low priority: among the jobs of its function it comes after
those of normal priority.

Example: SELECT gman_do_low('price', jsonb_build_object('item', 7))::jsonb;
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low(text, jsonb, text) FROM PUBLIC;
