CREATE FUNCTION gearbridge._complete(handle text, result bytea, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- As in _cancel().
    IF pg_catalog.pg_has_role(_complete.caller, current_user, 'USAGE') IS NOT TRUE THEN
        DELETE FROM gearbridge.gearbridge_job AS job
        WHERE job.handle = _complete.handle AND job.state = 1 AND job.keep_result = 0
            AND EXISTS (SELECT FROM gearbridge._admitted(_complete.caller, '{work,admin}', job.function));
        IF NOT FOUND THEN
            UPDATE gearbridge.gearbridge_job AS job
            SET state = 3, result = coalesce(_complete.result, ''), error = NULL,
                finished = pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()))
            WHERE job.handle = _complete.handle AND job.state = 1
                AND EXISTS (SELECT FROM gearbridge._admitted(_complete.caller, '{work,admin}', job.function));
        END IF;
        IF FOUND OR pg_catalog.pg_has_role(_complete.caller, gearbridge._owner(), 'USAGE') IS NOT TRUE THEN
            RETURN FOUND;
        END IF;
    END IF;
    DELETE FROM gearbridge.gearbridge_job AS job
    WHERE job.handle = _complete.handle AND job.state = 1 AND job.keep_result = 0;
    IF NOT FOUND THEN
        UPDATE gearbridge.gearbridge_job AS job
        SET state = 3, result = coalesce(_complete.result, ''), error = NULL,
            finished = pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()))
        WHERE job.handle = _complete.handle AND job.state = 1;
    END IF;
    RETURN FOUND;
END
$function$;

COMMENT ON FUNCTION gearbridge._complete(text, bytea, gearbridge.caller) IS
$comment$Do what gman_complete() does. A job of a function for which the caller lacks the right to work is treated as ended.

Example: SELECT gearbridge._complete('S:42', NULL);
ROLLBACK takes it back: the job is given out again.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._complete(text, bytea, gearbridge.caller) FROM PUBLIC;
