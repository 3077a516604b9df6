CREATE FUNCTION gearbridge._demand_read(handle text, role name)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
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
        MESSAGE = pg_catalog.format('role %I may not read the result of job %s', _demand_read.role, _demand_read.handle),
        HINT = 'It may neither submit jobs of that function nor monitor (gearbridge.grant_submit, gearbridge.grant_monitor).';
END
$function$;

COMMENT ON FUNCTION gearbridge._demand_read(text, name) IS
$comment$Raise 42501 where a role may not read a job's result: it may neither submit jobs of that function nor read gman_jobs.

Example: SELECT gearbridge._demand_read('S:42', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._demand_read(text, name) FROM PUBLIC;

-- Handles can be guessed. The caller is asked as for gearbridge.submittable, and for the same reason.
CREATE DOMAIN gearbridge.readable AS text
    CONSTRAINT may_read CHECK (gearbridge._demand_read(VALUE, current_user));

COMMENT ON DOMAIN gearbridge.readable IS 'The handle of a job whose result the current user may read; checked as text becomes it.';
