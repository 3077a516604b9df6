CREATE FUNCTION @extschema@.gman_servers_set(servers text)
RETURNS boolean
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].servers_set(servers)
$python$;

COMMENT ON FUNCTION @extschema@.gman_servers_set(text) IS
$comment$Say where this session's job servers are: "host:port,host:port", the port is 4730 where none is given.
It replaces what was set before, connects to nothing yet, and returns true. Jobs go to the first server that answers; the
others stand by. Only servers that gearbridge.allow_servers() allows for the role may be named (42501), unless the role is
a superuser or owns the extension gearbridge. NULL changes nothing and gives NULL. What is no list of servers raises 22023.

Example: SELECT gman_servers_set('10.0.0.5:4730,10.0.0.6:4730');
ROLLBACK takes it back. Else it holds until the end of the session, or DISCARD ALL or RESET ALL, as a setting does.$comment$;

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
$comment$Say where the job servers for one function are, whatever gman_servers_set(text) says for the others, before or after.
Jobs of this function go there, in the foreground and in the background, and gman_status() asks there too. gman_servers()
and gman_ping() are about the other servers only. NULL changes nothing and gives NULL. What is no list of servers, or no
name of a function, raises 22023, and a server that the role may not reach 42501.

Example: SELECT gman_servers_set('10.0.0.9:4730', 'resize');
ROLLBACK takes it back. Else it holds until the end of the session, or DISCARD ALL or RESET ALL, as a setting does.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_servers_set(text, text) FROM PUBLIC;
