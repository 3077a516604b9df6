CREATE FUNCTION @extschema@.gman_server_status(
    OUT function text,
    OUT jobs bigint,
    OUT running bigint,
    OUT workers bigint
)
RETURNS SETOF record
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].server_status()
$python$;

COMMENT ON FUNCTION @extschema@.gman_server_status() IS
$comment$The functions of the job server: the number of jobs that wait or run, of jobs that run, and of workers that can do them.
It asks the server that this session's jobs go to.
Raises 08001 if no server can be reached.

Example: SELECT * FROM gman_server_status();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_server_status() FROM PUBLIC;
