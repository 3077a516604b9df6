CREATE FUNCTION @extschema@.gman_servers()
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].servers()
$python$;

COMMENT ON FUNCTION @extschema@.gman_servers() IS
$comment$The job servers of this session as gman_servers_set() takes them. While none are set they are those of the parameter
pggearman.default_servers, or else the first that gearbridge.allow_servers() names for the role, for a role that it is a
member of, or for everybody; NULL where there are none.

Example: SELECT gman_servers();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_servers() FROM PUBLIC;
