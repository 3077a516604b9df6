-- A trigger of ours runs with our rights, and to_jsonb() calls a cast to json that the type's owner has made, or will have
-- made a moment later. So what others could have made is not converted, but shown: PostgreSQL's own output functions do
-- that, and only a superuser can make such a function.
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
$comment$Whether nobody but the owner of gearbridge and superusers can say how values of a type become JSON: it is PostgreSQL's, or theirs.

Example: SELECT gearbridge._is_trusted('text'::regtype);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._is_trusted(oid) FROM PUBLIC;
