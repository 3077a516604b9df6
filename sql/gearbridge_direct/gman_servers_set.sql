CREATE FUNCTION @extschema@.gman_servers_set(servers text)
RETURNS boolean
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].servers_set(servers)
$python$;

COMMENT ON FUNCTION @extschema@.gman_servers_set(text) IS
$comment$Set this session's job servers: "host:port,host:port"; the default port is 4730.
It replaces the previous list, connects to nothing yet, and returns true. Jobs go to the first server that answers; the
others stand by. Only servers that gearbridge.allow_servers() allows for the role may be named (42501), unless the role is
a superuser or owns the extension gearbridge. NULL changes nothing and gives NULL. Raises 22023 if it is not a list of servers.

Example: SELECT gman_servers_set('10.0.0.5:4730,10.0.0.6:4730');
ROLLBACK takes it back. Otherwise it holds until the end of the session, DISCARD ALL or RESET ALL, like a setting.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_servers_set(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.gman_servers_set(servers text, function text)
RETURNS boolean
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].servers_set(servers, function)
$python$;

COMMENT ON FUNCTION @extschema@.gman_servers_set(text, text) IS
$comment$Set the job servers for one function, independent of what gman_servers_set(text) sets for the others.
Jobs of this function go there, in the foreground and in the background, and gman_status() asks there too. gman_servers()
and gman_ping() use the other servers only. NULL changes nothing and gives NULL. Raises 22023 if it is not a list of
servers or not the name of a function, and 42501 for a server that the role may not reach.

Example: SELECT gman_servers_set('10.0.0.9:4730', 'resize');
ROLLBACK takes it back. Otherwise it holds until the end of the session, DISCARD ALL or RESET ALL, like a setting.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_servers_set(text, text) FROM PUBLIC;
