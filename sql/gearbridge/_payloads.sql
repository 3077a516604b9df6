-- In PL/pgSQL, since PostgreSQL puts the body of gman_enqueue_many() into the statement that calls it only where no query
-- is in it. Otherwise that body is planned anew for each call.
CREATE FUNCTION gearbridge._payloads(payloads text[])
RETURNS bytea[]
LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN ARRAY(SELECT convert_to(one.payload, 'UTF8') FROM unnest(payloads) AS one (payload));
END
$function$;

COMMENT ON FUNCTION gearbridge._payloads(text[]) IS
$comment$The payloads of jobs: text as UTF-8.

Example: SELECT gearbridge._payloads('{cat.jpg,dog.jpg}'::text[]);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payloads(text[]) FROM PUBLIC;

CREATE FUNCTION gearbridge._payloads(payloads jsonb[])
RETURNS bytea[]
LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN ARRAY(SELECT convert_to(one.payload::text, 'UTF8') FROM unnest(payloads) AS one (payload));
END
$function$;

COMMENT ON FUNCTION gearbridge._payloads(jsonb[]) IS
$comment$The payloads of jobs: JSON in UTF-8.

Example: SELECT gearbridge._payloads(ARRAY[jsonb_build_object('id', 7)]);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payloads(jsonb[]) FROM PUBLIC;
