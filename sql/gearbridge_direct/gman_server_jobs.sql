CREATE FUNCTION @extschema@.gman_server_jobs(
    OUT handle text,
    OUT retries bigint,
    OUT ignored boolean,
    OUT queued boolean
)
RETURNS SETOF record
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].server_jobs()
$python$;

COMMENT ON FUNCTION @extschema@.gman_server_jobs() IS
$comment$The jobs of the job server: handle, number of retries, whether it was cancelled and is ignored, and whether the server's
store has it.
It asks the server that this session's jobs go to.
Raises 08001 if no server can be reached.

Example: SELECT * FROM gman_server_jobs();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_server_jobs() FROM PUBLIC;
