CREATE FUNCTION gearbridge.allow_servers(servers text, role name DEFAULT 'public')
RETURNS void
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
GD["gearbridge"].allow_servers(servers, role)
$python$;

COMMENT ON FUNCTION gearbridge.allow_servers(text, name) IS
$comment$Say which job servers a role may reach in this database: "host:port,host:port", or * for any. It replaces what was said
for this role before. Without a role it is for everybody; a role may reach what it, a role that it is a member of, or
everybody may. A server is allowed as it is written: localhost is not 127.0.0.1.
What is said here is also what a session uses that names no servers itself. It counts from the next statement on, in
open sessions too. Raises 42704 for a role that does not exist, 22023 for what is no list of servers.

Example: SELECT gearbridge.allow_servers('10.0.0.5:4730,10.0.0.6:4730', 'application');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.allow_servers(text, name) FROM PUBLIC;
