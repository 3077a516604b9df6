\for type = text
\and sent = Text goes to the worker as UTF-8, whatever the database's encoding.
\and example = SELECT gman_enqueue('sendWelcomeEmail', 'user=7');
\for type = bytea
\and sent = The payload goes to the worker as it is.
\and example = SELECT gman_enqueue('resize', image, unique_key => id::text) FROM picture;
\for type = jsonb
\and sent = The payload goes to the worker as JSON in UTF-8.
\and example = SELECT gman_enqueue('index', to_jsonb(article), priority => 'low') FROM article;
CREATE FUNCTION @extschema@.gman_enqueue(
    function text,
    payload @type@,
    unique_key text DEFAULT NULL,
    priority text DEFAULT 'normal',
    run_at timestamptz DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    keep_result boolean DEFAULT false
)
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._enqueue(
    function, gearbridge._payload(payload), unique_key, priority, run_at, max_attempts, keep_result
);

COMMENT ON FUNCTION @extschema@.gman_enqueue(text, @type@, text, text, timestamptz, integer, boolean) IS
$comment$Put a background job into the job table, as part of this transaction, and return its handle.
@sent@
If an unfinished job of this function has this unique key, no job is added and its handle is returned.
priority is high, normal or low. No worker gets the job before run_at (whole seconds, rounded up). A job that fails is
retried up to max_attempts times in all (NULL: not retried), then kept as failed, with the error. With keep_result it is
also kept when it is done, for gman_result().
The traceparent in the setting gearbridge.traceparent, if set, goes to the worker with the job.
Raises 22004 for a NULL function or payload, 22023 for an invalid value.

Example: @example@
ROLLBACK takes the job back: no worker ever sees it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue(text, @type@, text, text, timestamptz, integer, boolean) FROM PUBLIC;
\end
