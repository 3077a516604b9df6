-- NOTIFY takes a lock at commit that makes writers wait for each other, so only a sleeper is woken. Before it sleeps, the
-- claimer takes an advisory lock alone and looks once more. Who enqueues asks for that lock, shared, until his transaction
-- ends: if he gets it he knows that the claimer is awake and will look again after this commit is to be seen; if not, he
-- rings.
CREATE FUNCTION gearbridge._ring()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Any role can fill the queue of NOTIFY, and then no transaction that sends one can commit. Half full is for the others
    -- to notice; the job is found by looking.
    IF coalesce(current_setting('gearbridge.notify', true), '') NOT IN ('off', 'false', 'no', '0')
        AND pg_notification_queue_usage() < 0.5
    THEN
        NOTIFY gearbridge;
    END IF;
END
$function$;

COMMENT ON FUNCTION gearbridge._ring() IS
$comment$Tell whoever claims jobs from the job table that there is one, if he sleeps.
With the setting gearbridge.notify off nobody is told, and the job is found by the next look a little later; a
transaction that is to be prepared (two-phase commit) needs that, because PostgreSQL does not let it NOTIFY.

Example: SELECT gearbridge._ring();
ROLLBACK takes the notice back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._ring() FROM PUBLIC;
