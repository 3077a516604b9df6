\for type = text
\and result = text
\and method = do_text
\and returned = as text.
\and sent = Text goes to the worker as UTF-8, whatever the database's encoding, and its result is read as UTF-8 (22021 if it is not).
\and empty = NULL
\and example = SELECT gman_do('reverse', 'hello');
\for type = bytea
\and result = bytea
\and method = do_bytes
\and returned = as it is, any bytes.
\and sent = The payload goes to the worker as it is.
\and empty = an empty bytea
\and example = SELECT gman_do('thumbnail', image) FROM picture;
\for type = jsonb
\and result = text
\and method = do_text
\and returned = as text.
\and sent = The payload goes to the worker as JSON in UTF-8, and its result is read as UTF-8 (22021 if it is not).
\and empty = NULL
\and example = SELECT gman_do('price', jsonb_build_object('item', 7))::jsonb;
CREATE FUNCTION @extschema@.gman_do(function text, payload @type@, unique_key text DEFAULT NULL)
RETURNS @result@
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].@method@(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do(text, @type@, text) IS
$comment$Have a worker do a job now, wait for it, and return its result @returned@
@sent@
An empty result gives @empty@.
Jobs of one function with the same unique key are done once, and all waiting clients get the result.
Partial data of the worker (WORK_DATA) is the beginning of the result, and its warnings become WARNINGs. The wait has no
limit except statement_timeout; cancelling ends the wait, but not always the job.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout,
GB001 if the worker reported failure, GB002 with the worker's text if it sent an exception.

Example: @example@
ROLLBACK does not take it back: the worker has done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do(text, @type@, text) FROM PUBLIC;
\end
