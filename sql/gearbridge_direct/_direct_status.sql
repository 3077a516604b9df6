CREATE FUNCTION gearbridge._direct_status(
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

COMMENT ON FUNCTION gearbridge._direct_status(text) IS
$comment$The status of a job on this session's job servers, as gman_status() returns it.

Example: SELECT known, running, percentage FROM gearbridge._direct_status('H:host:1');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._direct_status(text) FROM PUBLIC;
