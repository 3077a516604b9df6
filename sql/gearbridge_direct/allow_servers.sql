CREATE FUNCTION gearbridge.allow_servers(servers text, role name DEFAULT 'public')
RETURNS void
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
GD["gearbridge"].allow_servers(servers, role)
$python$;

COMMENT ON FUNCTION gearbridge.allow_servers(text, name) IS
$comment$Set the job servers that a role may reach in this database: "host:port,host:port", or * for any. It replaces the role's
previous list. Without a role the list is for every role; a role may reach the servers allowed for itself, for a role
that it is a member of, or for every role. A server is allowed as it is written: localhost is not 127.0.0.1.
A session that names no servers itself uses this list. Takes effect with the next statement, in open sessions too.
Raises 42704 if the role does not exist, 22023 if it is not a list of servers.

Example: SELECT gearbridge.allow_servers('10.0.0.5:4730,10.0.0.6:4730', 'application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.allow_servers(text, name) FROM PUBLIC;
