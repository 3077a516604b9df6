CREATE FUNCTION @extschema@.gman_server_workers(
    OUT connection bigint,
    OUT address text,
    OUT client_id text,
    OUT functions text[]
)
RETURNS SETOF record
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].server_workers()
$python$;

COMMENT ON FUNCTION @extschema@.gman_server_workers() IS
$comment$The connections of the job server: number, address, the id that the worker or client set, and the functions that it can
do. Clients, this session too, are listed with no functions.
It asks the server that this session's jobs go to.
Raises 08001 if no server can be reached.

Example: SELECT * FROM gman_server_workers();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_server_workers() FROM PUBLIC;
