CREATE FUNCTION gearbridge.may_submit(function text, role name DEFAULT current_user)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN gearbridge._may_submit(function, role);

COMMENT ON FUNCTION gearbridge.may_submit(text, name) IS
$comment$True if a role (the caller's, if none is given) may submit jobs of a function: granted to it, or to a role that it is a
member of, by gearbridge.grant_submit() or gearbridge.grant_admin(). The owner of the extension and superusers may.
Raises 42501 if the caller is no member of the role and may not monitor.

Example: SELECT gearbridge.may_submit('resize', 'application');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge.may_submit(text, name) FROM PUBLIC;
