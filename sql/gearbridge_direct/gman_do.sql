CREATE FUNCTION @extschema@.gman_do(function text, payload text, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_text(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do(text, text, text) IS
$comment$Have a worker do a job now, wait for it, and return its result as text.
Text goes to the worker as UTF-8, whatever the database's encoding, and its result is read as UTF-8 (22021 if it is not).
An empty result gives NULL.
Jobs of one function with the same unique key are done once, and all who wait get the result.
What the worker sends ahead (WORK_DATA) is the beginning of the result, and its warnings become WARNINGs. The wait has no
limit but statement_timeout; cancelling ends the wait, perhaps not the job.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout,
GB001 if the worker said that it failed, GB002 with the worker's text if it sent an exception.

Example: SELECT gman_do('reverse', 'hello');
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do(function text, payload bytea, unique_key text DEFAULT NULL)
RETURNS bytea
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_bytes(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do(text, bytea, text) IS
$comment$Have a worker do a job now, wait for it, and return its result as it is, any bytes.
The payload goes to the worker as it is. An empty result gives an empty bytea.
Jobs of one function with the same unique key are done once, and all who wait get the result.
What the worker sends ahead (WORK_DATA) is the beginning of the result, and its warnings become WARNINGs. The wait has no
limit but statement_timeout; cancelling ends the wait, perhaps not the job.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout,
GB001 if the worker said that it failed, GB002 with the worker's text if it sent an exception.

Example: SELECT gman_do('thumbnail', image) FROM picture;
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do(text, bytea, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do(function text, payload jsonb, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_text(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do(text, jsonb, text) IS
$comment$Have a worker do a job now, wait for it, and return its result as text.
The payload goes to the worker as JSON in UTF-8, and its result is read as UTF-8 (22021 if it is not). An empty result
gives NULL.
Jobs of one function with the same unique key are done once, and all who wait get the result.
What the worker sends ahead (WORK_DATA) is the beginning of the result, and its warnings become WARNINGs. The wait has no
limit but statement_timeout; cancelling ends the wait, perhaps not the job.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout,
GB001 if the worker said that it failed, GB002 with the worker's text if it sent an exception.

Example: SELECT gman_do('price', jsonb_build_object('item', 7))::jsonb;
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do(text, jsonb, text) FROM PUBLIC;
