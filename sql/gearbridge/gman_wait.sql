CREATE FUNCTION gman_wait(handle text, timeout interval DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    until CONSTANT timestamptz := pg_catalog.clock_timestamp() + gman_wait.timeout;
    pause double precision := 0.002;
BEGIN
    IF EXISTS (
        SELECT FROM gearbridge.gearbridge_job AS job
        WHERE job.handle = gman_wait.handle AND job.xmin = pg_catalog.pg_current_xact_id_if_assigned()::xid
    ) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'this transaction has enqueued the job, so it cannot begin before the commit',
            HINT = 'Commit first, then wait.';
    ELSIF pg_catalog.current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE invalid_transaction_state USING
            MESSAGE = 'waiting for a job needs isolation level READ COMMITTED',
            HINT = 'This transaction sees the database as it was at its beginning, and would wait for ever.';
    END IF;
    LOOP
        IF NOT EXISTS (
            SELECT FROM gearbridge.gearbridge_job AS job WHERE job.handle = gman_wait.handle AND job.state IN (0, 1)
        ) THEN
            RETURN true;
        ELSIF pg_catalog.clock_timestamp() >= until THEN
            RETURN false;
        END IF;
        PERFORM pg_catalog.pg_sleep(least(pause, extract(epoch FROM until - pg_catalog.clock_timestamp())));
        pause := least(pause * 1.5, 0.1);
    END LOOP;
END
$function$;

COMMENT ON FUNCTION gman_wait(text, interval) IS
$comment$Wait until a job is finished, at most so long (NULL: as long as it takes). True when it is: done, failed, or unknown.
It looks into the job table, first every few milliseconds, in the end ten times a second; statement_timeout and cancel
end it. The transaction must be READ COMMITTED and must not be the one that enqueued the job (55000, 25000).

Example: SELECT gman_wait('S:42', '10 seconds');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gman_wait(text, interval) FROM PUBLIC;
