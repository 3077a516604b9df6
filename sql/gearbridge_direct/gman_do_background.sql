CREATE FUNCTION @extschema@.gman_do_background(function text, payload text, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, text, text) IS
$comment$Submit a background job and return its handle as soon as the job server has the job; gman_status() follows it.
Text goes to the worker as UTF-8, whatever the database's encoding.
If a job of this function with this unique key already waits or runs, none is submitted and its handle is returned.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout.

Example: SELECT gman_do_background('sendWelcomeEmail', 'user=7');
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_background(function text, payload bytea, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, bytea, text) IS
$comment$Submit a background job and return its handle as soon as the job server has the job; gman_status() follows it.
The payload goes to the worker as it is.
If a job of this function with this unique key already waits or runs, none is submitted and its handle is returned.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout.

Example: SELECT gman_do_background('resize', image, id::text) FROM picture;
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, bytea, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_background(function text, payload jsonb, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background(function, payload, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, jsonb, text) IS
$comment$Submit a background job and return its handle as soon as the job server has the job; gman_status() follows it.
The payload goes to the worker as JSON in UTF-8.
If a job of this function with this unique key already waits or runs, none is submitted and its handle is returned.
Raises 22004 for a NULL function or payload, 08001 if no server can be reached, 08006 if the connection broke before
the answer came, GB003 if the server refused the job, GB004 if it did not answer within gearbridge.reply_timeout.

Example: SELECT gman_do_background('index', to_jsonb(article)) FROM article;
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, jsonb, text) FROM PUBLIC;

-- PL/Python gets a time as text. ISO has the offset in it; the zones that other styles name are ambiguous.
CREATE FUNCTION @extschema@.gman_do_background(function text, payload text, run_at timestamptz, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background_at(function, payload, run_at, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, text, timestamptz, text) IS
$comment$Do what gman_do_background(text, text, text) does, with a job that no worker gets before run_at.
run_at counts in whole seconds and is rounded up; the past and NULL mean at once. Raises 22023 for a time before 1970
or infinity.

Example: SELECT gman_do_background('remind', 'user=7', run_at => now() + interval '1 hour');
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, text, timestamptz, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_background(function text, payload bytea, run_at timestamptz, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background_at(function, payload, run_at, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, bytea, timestamptz, text) IS
$comment$Do what gman_do_background(text, bytea, text) does, with a job that no worker gets before run_at.
run_at counts in whole seconds and is rounded up; the past and NULL mean at once. Raises 22023 for a time before 1970
or infinity.

Example: SELECT gman_do_background('resize', image, timestamptz '2030-01-01 03:00+00') FROM picture;
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, bytea, timestamptz, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_do_background(function text, payload jsonb, run_at timestamptz, unique_key text DEFAULT NULL)
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].do_background_at(function, payload, run_at, unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_do_background(text, jsonb, timestamptz, text) IS
$comment$Do what gman_do_background(text, jsonb, text) does, with a job that no worker gets before run_at.
run_at counts in whole seconds and is rounded up; the past and NULL mean at once. Raises 22023 for a time before 1970
or infinity.

Example: SELECT gman_do_background('publish', to_jsonb(article), publish_at) FROM article;
ROLLBACK does not take it back: the job server has the job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_do_background(text, jsonb, timestamptz, text) FROM PUBLIC;
