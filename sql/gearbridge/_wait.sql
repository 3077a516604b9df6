CREATE FUNCTION gearbridge._wait(handle text, timeout interval, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    until CONSTANT timestamptz := pg_catalog.clock_timestamp() + _wait.timeout;
    pause double precision := 0.002;
    written xid;
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE invalid_transaction_state USING
            MESSAGE = 'waiting for a job needs isolation level READ COMMITTED',
            HINT = 'This transaction sees the database as of its first statement and would wait without end.';
    END IF;
    -- As in _cancel().
    IF pg_catalog.pg_has_role(_wait.caller, current_user, 'USAGE') THEN
        SELECT job.xmin INTO written
        FROM gearbridge.gearbridge_job AS job WHERE job.handle = _wait.handle AND job.state IN (0, 1);
    ELSE
        SELECT job.xmin INTO written
        FROM gearbridge.gearbridge_job AS job
        WHERE job.handle = _wait.handle AND job.state IN (0, 1) AND (
            EXISTS (SELECT FROM gearbridge._admitted(_wait.caller, '{submit,admin}', job.function))
            OR gearbridge._may('monitor', _wait.caller)
        );
    END IF;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    -- What is seen, and whose transaction goes on, is this transaction's own, if it has written; so it is for its savepoints.
    IF pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL
        AND pg_catalog.pg_xact_status(gearbridge._xid8(written)) = 'in progress'
    THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'this transaction has enqueued the job, so it cannot begin before the commit',
            HINT = 'Commit first, then wait.';
    END IF;
    LOOP
        IF pg_catalog.clock_timestamp() >= until THEN
            RETURN false;
        END IF;
        PERFORM pg_catalog.pg_sleep(least(pause, extract(epoch FROM until - pg_catalog.clock_timestamp())));
        pause := least(pause * 1.5, 0.1);
        IF NOT EXISTS (
            SELECT FROM gearbridge.gearbridge_job AS job WHERE job.handle = _wait.handle AND job.state IN (0, 1)
        ) THEN
            RETURN true;
        END IF;
    END LOOP;
END
$function$;

COMMENT ON FUNCTION gearbridge._wait(text, interval, gearbridge.caller) IS
$comment$Wait as gman_wait() does. A job that the caller may not read is treated as missing.

Example: SELECT gearbridge._wait('S:42', '10 seconds');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._wait(text, interval, gearbridge.caller) FROM PUBLIC;
