CREATE FUNCTION gearbridge.grant_server(role name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'server', '*');

COMMENT ON FUNCTION gearbridge.grant_server(name) IS
$comment$Allow a role to keep a job server's jobs in the job table and to claim enqueued jobs: for `gearbridge server --store`.
Raises 42704 for a role that does not exist.

Example: SELECT gearbridge.grant_server('gearbridge_server');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_server(name) FROM PUBLIC;
