CREATE FUNCTION @extschema@.gman_ping()
RETURNS interval
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].ping()
$python$;

COMMENT ON FUNCTION @extschema@.gman_ping() IS
$comment$Send an echo to the job server and return the round-trip time. Connects if necessary.
Raises 08001 if no server can be reached.

Example: SELECT gman_ping();
ROLLBACK changes nothing about it: it submits no job.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_ping() FROM PUBLIC;
