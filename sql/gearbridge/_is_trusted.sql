-- A trigger function of gearbridge runs with its owner's rights, and to_jsonb() calls a cast to json that the type's owner
-- has made, or makes a moment later. So values of types for which another role could make a cast are not converted, but
-- output as text: only a superuser can make an output function.
CREATE FUNCTION gearbridge._is_trusted(type oid)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    about record;
BEGIN
    IF type < 16384 THEN
        RETURN true;
    END IF;
    SELECT own.typtype, own.typelem, own.typbasetype, own.typrelid, own.typsubscript::oid = 'array_subscript_handler'::regproc AS is_array,
        pg_has_role(own.typowner, current_user, 'USAGE') AND NOT EXISTS (
            SELECT FROM pg_cast AS made JOIN pg_proc AS routine ON routine.oid = made.castfunc
            WHERE made.castsource = type AND NOT pg_has_role(routine.proowner, current_user, 'USAGE')
        ) AS ours
    INTO about FROM pg_type AS own WHERE own.oid = type;
    RETURN coalesce(CASE
        WHEN about.typtype = 'd' THEN gearbridge._is_trusted(about.typbasetype)
        WHEN about.is_array THEN gearbridge._is_trusted(about.typelem)
        WHEN about.typtype = 'c' THEN NOT EXISTS (
            SELECT FROM pg_attribute AS part
            WHERE part.attrelid = about.typrelid AND part.attnum > 0 AND NOT part.attisdropped
                AND NOT gearbridge._is_trusted(part.atttypid)
        )
        ELSE about.ours
    END, false);
END
$function$;

COMMENT ON FUNCTION gearbridge._is_trusted(oid) IS
$comment$True if only superusers and the owner of gearbridge can define how values of a type become JSON.

Example: SELECT gearbridge._is_trusted('text'::regtype);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._is_trusted(oid) FROM PUBLIC;
