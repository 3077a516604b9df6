CREATE FUNCTION gearbridge._retry_with(handle text, payload bytea, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gearbridge._demand('admin', _retry_with.caller);
    IF _retry_with.payload IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'gearman payload cannot be NULL';
    END IF;
    -- Only while it is finished: a job that was retried meanwhile has its payload in a worker's hands.
    UPDATE gearbridge.gearbridge_job AS job SET payload = _retry_with.payload
    WHERE job.handle = _retry_with.handle AND job.state IN (2, 3);
    RETURN FOUND AND gearbridge._retry(_retry_with.handle, current_user);
END
$function$;

COMMENT ON FUNCTION gearbridge._retry_with(text, bytea, gearbridge.caller) IS
$comment$Do what gman_retry() with a payload does. Raises 42501 if the caller is not an administrator.

Example: SELECT gearbridge._retry_with('S:42', '\x00');
ROLLBACK takes it back: the job stays as it was.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._retry_with(text, bytea, gearbridge.caller) FROM PUBLIC;
