CREATE FUNCTION gearbridge.grant_server(role name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._grant(role, 'server', '*');
END
$function$;

COMMENT ON FUNCTION gearbridge.grant_server(name) IS
$comment$Let a role keep a job server's jobs in the job table, and claim what SQL enqueued: for `gearbridge server --store`.
Raises 42704 for a role that does not exist.

Example: SELECT gearbridge.grant_server('gearbridge_server');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.grant_server(name) FROM PUBLIC;
