-- NOTIFY takes a lock at commit that makes writers wait for each other, so only a sleeper is woken. Before it sleeps, the
-- claimer takes an advisory lock exclusively and polls once more. A transaction that enqueues tries to take that lock shared,
-- until its end. If it gets the lock, the claimer is awake and will poll again after this commit is visible; if not, it
-- notifies.
CREATE FUNCTION gearbridge._ring()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Any role can fill the queue of NOTIFY, and then no transaction that sends one can commit. From half full on none is
    -- sent; the next poll finds the job.
    IF coalesce(current_setting('gearbridge.notify', true), '') NOT IN ('off', 'false', 'no', '0')
        AND pg_notification_queue_usage() < 0.5
    THEN
        NOTIFY gearbridge;
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._ring() IS
$comment$Send the wake-up to a claimer that sleeps.
With the setting gearbridge.notify off none is sent, and the next poll finds the job a little later. A transaction that
is to be prepared (two-phase commit) needs that, because PostgreSQL does not allow NOTIFY in it.

Example: SELECT gearbridge._ring();
ROLLBACK cancels the notification.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._ring() FROM PUBLIC;
