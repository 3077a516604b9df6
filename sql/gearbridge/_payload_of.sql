CREATE FUNCTION gearbridge._payload_of(handle text, caller gearbridge.caller DEFAULT current_user)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._demand('admin', _payload_of.caller);
    RETURN (SELECT job.payload FROM gearbridge.gearbridge_job AS job WHERE job.handle = _payload_of.handle);
END
$function$;

COMMENT ON FUNCTION gearbridge._payload_of(text, gearbridge.caller) IS
$comment$Read what gman_payload() returns. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._payload_of('S:42');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payload_of(text, gearbridge.caller) FROM PUBLIC;
