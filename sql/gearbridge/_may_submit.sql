CREATE FUNCTION gearbridge._may_submit(function text, role name, caller gearbridge.caller DEFAULT current_user)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NOT pg_catalog.pg_has_role(_may_submit.caller, _may_submit.role, 'USAGE') THEN
        PERFORM gearbridge._demand('monitor', _may_submit.caller);
    END IF;
    RETURN EXISTS (SELECT FROM gearbridge._granted(_may_submit.function, _may_submit.role))
        OR pg_catalog.pg_has_role(_may_submit.role, gearbridge._owner(), 'USAGE');
END
$function$;

COMMENT ON FUNCTION gearbridge._may_submit(text, name, gearbridge.caller) IS
$comment$Do what gearbridge.may_submit() does. Raises 42501 if the caller is no member of the role and may not monitor.

Example: SELECT gearbridge._may_submit('resize', current_user);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._may_submit(text, name, gearbridge.caller) FROM PUBLIC;
