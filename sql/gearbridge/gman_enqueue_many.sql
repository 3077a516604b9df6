CREATE FUNCTION @extschema@.gman_enqueue_many(
    function text,
    payloads text[],
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

COMMENT ON FUNCTION @extschema@.gman_enqueue_many(text, text[], text[], text, timestamptz, integer, boolean) IS
$comment$Put a job for each payload into the job table, as part of this transaction, and return their handles in order.
Text goes to the worker as UTF-8, whatever the database's encoding.
unique_keys has one for each payload, or is NULL. For the rest, and what is raised, see gman_enqueue().

Example: SELECT gman_enqueue_many('mail', array_agg(address)) FROM customer;
ROLLBACK takes the jobs back: no worker ever sees them.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue_many(text, text[], text[], text, timestamptz, integer, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_enqueue_many(
    function text,
    payloads bytea[],
    unique_keys text[] DEFAULT NULL,
    priority text DEFAULT 'normal',
    run_at timestamptz DEFAULT NULL,
    max_attempts integer DEFAULT NULL,
    keep_result boolean DEFAULT false
)
RETURNS text[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._enqueue_many(
    function, payloads, unique_keys, priority, run_at, max_attempts, keep_result
);

COMMENT ON FUNCTION @extschema@.gman_enqueue_many(text, bytea[], text[], text, timestamptz, integer, boolean) IS
$comment$Put a job for each payload into the job table, as part of this transaction, and return their handles in order.
The payloads go to the workers as they are.
unique_keys has one for each payload, or is NULL. For the rest, and what is raised, see gman_enqueue().

Example: SELECT gman_enqueue_many('resize', array_agg(image)) FROM picture;
ROLLBACK takes the jobs back: no worker ever sees them.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue_many(text, bytea[], text[], text, timestamptz, integer, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_enqueue_many(
    function text,
    payloads jsonb[],
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

COMMENT ON FUNCTION @extschema@.gman_enqueue_many(text, jsonb[], text[], text, timestamptz, integer, boolean) IS
$comment$Put a job for each payload into the job table, as part of this transaction, and return their handles in order.
The payloads go to the workers as JSON in UTF-8.
unique_keys has one for each payload, or is NULL. For the rest, and what is raised, see gman_enqueue().

Example: SELECT gman_enqueue_many('index', array_agg(to_jsonb(article))) FROM article;
ROLLBACK takes the jobs back: no worker ever sees them.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_enqueue_many(text, jsonb[], text[], text, timestamptz, integer, boolean) FROM PUBLIC;
