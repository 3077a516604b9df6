CREATE FUNCTION @extschema@.gman_status(
    handle text,
    OUT known boolean,
    OUT running boolean,
    OUT numerator bigint,
    OUT denominator bigint,
    OUT percentage double precision,
    OUT waiting_clients bigint
)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF handle NOT LIKE 'S:%' AND to_regprocedure('gearbridge._direct_status(text)') IS NOT NULL THEN
        -- It comes with gearbridge_direct, which is created later than this function, or never.
        EXECUTE 'SELECT * FROM gearbridge._direct_status($1)'
        INTO known, running, numerator, denominator, percentage, waiting_clients USING handle;
    ELSE
        SELECT * INTO known, running, numerator, denominator, percentage, waiting_clients
        FROM gearbridge._status(handle);
    END IF;
END
$function$;

COMMENT ON FUNCTION @extschema@.gman_status(text) IS
$comment$The status of a background job, by its handle: one row. known: it is not finished (a finished job is unknown, like one
that never existed); running: a worker has it; numerator and denominator: the progress last reported by the worker, and
the same as a percentage (NULL while the denominator is 0); waiting_clients is NULL: the protocol has it only for a unique
key, see gman_status_by_unique_key(). A NULL handle gives a row of NULLs.
A handle that begins with S: belongs to a job that SQL enqueued; the job table answers, without a connection. Giving a job
to a worker writes nothing there, so such a job counts as running from the first progress that its worker reports until
the attempt ends. gman_job() shows how a finished job ended. Jobs that gman_job() does not show are unknown here, too.
Other handles are looked up on the job server if gearbridge_direct is installed, else in the job table, for servers that
keep their jobs there.

Example: SELECT known, running, percentage FROM gman_status('S:42');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_status(text) FROM PUBLIC;
