CREATE FUNCTION @extschema@.gman_retry(handle text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._retry(handle);

COMMENT ON FUNCTION @extschema@.gman_retry(text) IS
$comment$Run a kept, finished job again, usually a failed one; true if there was one.
Its attempts count from the beginning. Raises 23505 if another unfinished job now has its unique key.

Example: SELECT gman_retry(handle) FROM gman_jobs WHERE function = 'resize' AND state = 'failed';
ROLLBACK takes it back: the job stays as it was.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_retry(text) FROM PUBLIC;
\for type = text
\and example = SELECT gman_retry(handle, 'dog.jpg') FROM gman_failed('resize', payload => 'dog.jpeg');
\for type = bytea
\and example = SELECT gman_retry('S:42', '\x00ff'::bytea);
\for type = jsonb
\and example = SELECT gman_retry('S:42', jsonb_build_object('id', 7));
CREATE FUNCTION @extschema@.gman_retry(handle text, payload @type@)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._retry_with(handle, gearbridge._payload(payload));

COMMENT ON FUNCTION @extschema@.gman_retry(text, @type@) IS
$comment$Run a kept, finished job again, with another payload; true if there was one. Text and JSON go to the worker as UTF-8.
Its attempts count from the beginning. Raises 22004 for a NULL payload, 23505 if another unfinished job now has its
unique key.

Example: @example@
ROLLBACK takes it back: the job stays as it was, with its payload.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_retry(text, @type@) FROM PUBLIC;
\end
