\for type = text
\and method = do_all_text
\and sent = Results are read as UTF-8 (22021 if one is not), and an empty one is NULL in the array.
\and example = SELECT gman_do_all('price', ARRAY['7', '8', '9']);
\for type = bytea
\and method = do_all_bytes
\and sent = Payloads go and results come as they are, any bytes.
\and example = SELECT gman_do_all('thumbnail', array_agg(image)) FROM picture;
CREATE FUNCTION @extschema@.gman_do_all(function text, payloads @type@[])
RETURNS @type@[]
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].@method@(function, payloads)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_all(text, @type@[]) IS
$comment$Have workers do one job for each payload, wait for all, and return the results in the order of the payloads. As many
jobs run at once as there are workers. @sent@
The first job that fails ends the call with gman_do()'s errors: the others are abandoned, and those that no worker has
begun are not done.
Raises 22004 for a NULL function, array or element before anything is submitted, and 2202E for an array of several
dimensions.

Example: @example@
ROLLBACK does not take them back: the workers have done them.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_all(text, @type@[]) FROM PUBLIC;
\end
