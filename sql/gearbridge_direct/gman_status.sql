CREATE FUNCTION gman_status(
    handle text,
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
return GD["gearbridge"].status(handle)
$python$;

COMMENT ON FUNCTION gman_status(text) IS
$comment$How far a background job is, by its handle: one row. known: the job server has it (a finished job is unknown, as is one
that never was); running: a worker has it; numerator and denominator: what the worker said last, and the same as a
percentage (NULL while the denominator is 0); waiting_clients is NULL: the protocol tells it only for a unique key, see
gman_status_by_unique_key(). A NULL handle gives a row of NULLs.

Example: SELECT known, running, percentage FROM gman_status('H:host:1');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gman_status(text) FROM PUBLIC;
