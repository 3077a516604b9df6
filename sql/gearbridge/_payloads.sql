-- In PL/pgSQL, since PostgreSQL inlines the body of gman_enqueue_many() only if it contains no query, and otherwise plans it
-- anew for each call.
\for type = text
\and text = one.payload
\and words = text as
\and example = '{cat.jpg,dog.jpg}'::text[]
\for type = jsonb
\and text = one.payload::text
\and words = JSON in
\and example = ARRAY[jsonb_build_object('id', 7)]
CREATE FUNCTION gearbridge._payloads(payloads @type@[])
RETURNS bytea[]
LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN ARRAY(SELECT convert_to(@text@, 'UTF8') FROM unnest(payloads) AS one (payload));
END
$function$;

COMMENT ON FUNCTION gearbridge._payloads(@type@[]) IS
$comment$The payloads of jobs: @words@ UTF-8.

Example: SELECT gearbridge._payloads(@example@);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payloads(@type@[]) FROM PUBLIC;
\end

CREATE FUNCTION gearbridge._payloads(payloads bytea[])
RETURNS bytea[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN payloads;

COMMENT ON FUNCTION gearbridge._payloads(bytea[]) IS
$comment$The payloads of jobs: bytes as they are.

Example: SELECT gearbridge._payloads(ARRAY['\x00'::bytea]);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payloads(bytea[]) FROM PUBLIC;
