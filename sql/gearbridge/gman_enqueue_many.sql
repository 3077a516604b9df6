\for type = text
\and sent = Text goes to the worker as UTF-8, whatever the database's encoding.
\and example = SELECT gman_enqueue_many('mail', array_agg(address)) FROM customer;
\for type = bytea
\and sent = The payloads go to the workers as they are.
\and example = SELECT gman_enqueue_many('resize', array_agg(image)) FROM picture;
\for type = jsonb
\and sent = The payloads go to the workers as JSON in UTF-8.
\and example = SELECT gman_enqueue_many('index', array_agg(to_jsonb(article))) FROM article;
CREATE FUNCTION @extschema@.gman_enqueue_many(
    function text,
    payloads @type@[],
    unique_keys text[] DEFAULT NULL,
    priority text DEFAULT 'normal',
    run_at timestamptz DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    keep_result boolean DEFAULT false
)
RETURNS text[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._enqueue_many(
    function, gearbridge._payloads(payloads), unique_keys, priority, run_at, max_attempts, keep_result
);

COMMENT ON FUNCTION @extschema@.gman_enqueue_many(text, @type@[], text[], text, timestamptz, integer, boolean) IS
$comment$Put a job for each payload into the job table, as part of this transaction, and return their handles in order.
@sent@
unique_keys has one key for each payload, or is NULL. For the other arguments and the errors, see gman_enqueue().

Example: @example@
ROLLBACK takes the jobs back: no worker ever sees them.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue_many(text, @type@[], text[], text, timestamptz, integer, boolean) FROM PUBLIC;
\end
