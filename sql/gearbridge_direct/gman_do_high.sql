CREATE FUNCTION @extschema@.gman_do_high(function text, payload text, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_text(function, payload, unique_key, "high")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_high(text, text, text) IS
$comment$Do what gman_do(text, text, text) does, with a job of high priority: among the jobs of its function it comes ahead of
those of normal priority.

Example: SELECT gman_do_high('reverse', 'hello');
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_high(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_high(function text, payload bytea, unique_key text DEFAULT NULL)
RETURNS bytea
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_bytes(function, payload, unique_key, "high")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_high(text, bytea, text) IS
$comment$Do what gman_do(text, bytea, text) does, with a job of high priority: among the jobs of its function it comes ahead of
those of normal priority.

Example: SELECT gman_do_high('thumbnail', image) FROM picture;
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_high(text, bytea, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_high(function text, payload jsonb, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_text(function, payload, unique_key, "high")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_high(text, jsonb, text) IS
$comment$Do what gman_do(text, jsonb, text) does, with a job of high priority: among the jobs of its function it comes ahead of
those of normal priority.

Example: SELECT gman_do_high('price', jsonb_build_object('item', 7))::jsonb;
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_high(text, jsonb, text) FROM PUBLIC;
