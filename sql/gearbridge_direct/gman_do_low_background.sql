\for type = text
\and example = SELECT gman_do_low_background('sendWelcomeEmail', 'user=7');
\for type = bytea
\and example = SELECT gman_do_low_background('resize', image, id::text) FROM picture;
\for type = jsonb
\and example = SELECT gman_do_low_background('index', to_jsonb(article)) FROM article;
CREATE FUNCTION @extschema@.gman_do_low_background(function text, payload @type@, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background(function, payload, unique_key, "low")
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_low_background(text, @type@, text) IS
$comment$Do what gman_do_background(text, @type@, text) does, with a job of low priority: among the jobs of its function it
comes after those of normal priority.

Example: @example@
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_low_background(text, @type@, text) FROM PUBLIC;
\end
