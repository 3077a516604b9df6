\for type = text
\and sent = Text goes to the worker as UTF-8, whatever the database's encoding.
\and example = SELECT gman_do_background_many('crawl', array_agg(url)) FROM page;
\for type = bytea
\and sent = The payloads go to the worker as they are.
\and example = SELECT gman_do_background_many('resize', array_agg(image)) FROM picture;
CREATE FUNCTION @extschema@.gman_do_background_many(function text, payloads @type@[])
RETURNS text[]
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background_many(function, payloads)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background_many(text, @type@[]) IS
$comment$Submit one background job for each payload and return their handles in the order of the payloads. The jobs go out
one behind the other without waiting for each answer, which makes this the fastest way to submit; batches of about a
thousand are enough. @sent@
Raises 22004 for a NULL function, array or element before anything is submitted, 2202E for an array of several
dimensions, 08001 if no server can be reached, GB003 if the server refused a job: the message has the number of jobs
that it had accepted, and those stay. After 08006 (the connection broke) and GB004 (no answer within gearbridge.reply_timeout) any
number of them may be submitted.

Example: @example@
ROLLBACK does not take them back: the job server has the jobs.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background_many(text, @type@[]) FROM PUBLIC;
\end
