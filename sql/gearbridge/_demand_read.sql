-- The function's name is not told: the caller may not even know that there is such a function.
CREATE FUNCTION gearbridge._demand_read(handle text, role name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    submitted text;
BEGIN
    SELECT pg_catalog.replace(job.function, '\\', '\') INTO submitted
    FROM gearbridge.gearbridge_job AS job WHERE job.handle = _demand_read.handle;
    IF submitted IS NULL OR gearbridge.may_submit(submitted, _demand_read.role) OR EXISTS (
        SELECT FROM pg_catalog.pg_class AS relation
        WHERE relation.relname = 'gman_jobs' AND relation.relkind = 'v'
            AND gearbridge._is_ours('pg_catalog.pg_class'::regclass, relation.oid, relation.relowner)
            AND pg_catalog.has_table_privilege(_demand_read.role, relation.oid, 'SELECT')
    ) THEN
        RETURN true;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = pg_catalog.format('role %I may not look at job %s', coalesce(_demand_read.role, 'none'), _demand_read.handle),
        HINT = 'It may neither submit jobs of that function nor monitor (gearbridge.grant_submit, gearbridge.grant_monitor).';
END
$function$;

COMMENT ON FUNCTION gearbridge._demand_read(text, name) IS
$comment$Raise 42501 where a role may not read a job's state or result, since handles can be guessed: it may neither submit jobs of that function nor read gman_jobs.

Example: SELECT gearbridge._demand_read('S:42', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._demand_read(text, name) FROM PUBLIC;
