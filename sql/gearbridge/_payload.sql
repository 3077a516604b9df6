-- Functions that `gearbridge trigger create` makes call these, and not gman_enqueue(): another role may have a function of
-- the same name in the schema of gman_enqueue(), whose arguments fit better.
CREATE FUNCTION gearbridge._payload(payload text)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_catalog.convert_to(payload, 'UTF8');

COMMENT ON FUNCTION gearbridge._payload(text) IS
$comment$The payload of a job: text as UTF-8.

Example: SELECT gearbridge._payload('cat.jpg'::text);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payload(text) FROM PUBLIC;

CREATE FUNCTION gearbridge._payload(payload bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN payload;

COMMENT ON FUNCTION gearbridge._payload(bytea) IS
$comment$The payload of a job: bytes as they are.

Example: SELECT gearbridge._payload('\x00'::bytea);
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payload(bytea) FROM PUBLIC;

CREATE FUNCTION gearbridge._payload(payload jsonb)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_catalog.convert_to(payload::text, 'UTF8');

COMMENT ON FUNCTION gearbridge._payload(jsonb) IS
$comment$The payload of a job: JSON in UTF-8.

Example: SELECT gearbridge._payload(jsonb_build_object('id', 7));
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._payload(jsonb) FROM PUBLIC;
