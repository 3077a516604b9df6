CREATE FUNCTION gearbridge._own_objects(OUT classid oid, OUT objid oid)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
SELECT member.classid, member.objid
FROM pg_depend AS member JOIN pg_extension AS extension ON extension.oid = member.refobjid
WHERE member.refclassid = 'pg_extension'::regclass AND member.deptype = 'e'
    AND extension.extname IN ('gearbridge', 'gearbridge_direct')
UNION
SELECT 'pg_proc'::regclass, to_regprocedure(own.name) FROM gearbridge.own_object AS own WHERE own.kind = 'routine'
UNION
SELECT 'pg_class'::regclass, to_regclass(own.name) FROM gearbridge.own_object AS own WHERE own.kind = 'relation'
UNION
SELECT 'pg_type'::regclass, 'gearbridge.caller'::regtype
UNION
SELECT 'pg_namespace'::regclass, 'gearbridge'::regnamespace
$function$;

COMMENT ON FUNCTION gearbridge._own_objects() IS
$comment$The objects that gearbridge's extensions or its script created, as recorded by them. Privileges are granted on these objects only.

Example: SELECT pg_describe_object(classid, objid, 0) FROM gearbridge._own_objects();
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._own_objects() FROM PUBLIC;
