CREATE FUNCTION gearbridge.grant_monitor(role name)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN gearbridge._grant(role, 'monitor', '*');

COMMENT ON FUNCTION gearbridge.grant_monitor(name) IS
$comment$Allow a role to see the jobs, queues and workers, in the job table and on the job servers, but not to submit.
Raises 42704 for a role that does not exist.

Example: SELECT gearbridge.grant_monitor('watcher');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_monitor(name) FROM PUBLIC;
