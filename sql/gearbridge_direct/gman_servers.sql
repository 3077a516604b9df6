CREATE FUNCTION @extschema@.gman_servers()
RETURNS text
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].servers()
$python$;

COMMENT ON FUNCTION @extschema@.gman_servers() IS
$comment$The job servers of this session as gman_servers_set() takes them. If none are set, they are those of the parameter
pggearman.default_servers, or else the first list that gearbridge.allow_servers() has for the role, for a role that it is
a member of, or for every role; NULL if there is none.

Example: SELECT gman_servers();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_servers() FROM PUBLIC;
