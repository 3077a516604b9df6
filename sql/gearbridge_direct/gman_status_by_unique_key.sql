CREATE FUNCTION @extschema@.gman_status_by_unique_key(
    unique_key text,
    OUT known boolean,
    OUT running boolean,
    OUT numerator bigint,
    OUT denominator bigint,
    OUT percentage double precision,
    OUT waiting_clients bigint
)
RETURNS record
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].status_by_unique_key(unique_key)
$python$;

COMMENT ON FUNCTION @extschema@.gman_status_by_unique_key(text) IS
$comment$The status of a job, by its unique key: one row as from gman_status(), with waiting_clients: the number of foreground
clients that wait for it. Unlike the handle, the key is known to all clients that submit the job. If several functions
have a job with this key, the row is that of any one of them. A NULL key gives a row of NULLs.

Example: SELECT running, waiting_clients FROM gman_status_by_unique_key('invoice-7');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_status_by_unique_key(text) FROM PUBLIC;
