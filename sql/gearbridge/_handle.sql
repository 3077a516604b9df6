-- PostgreSQL puts this body into what calls it. A hash of the random number, since it is a number already: to make bytes
-- of it, to cut them and to write them in hex costs as much again as to draw them. The random number is drawn for this
-- handle alone: the hash does not resist an attack, so two handles of one random number would give the others away. The
-- highest bit is 1, so that there are always 16 digits.
CREATE FUNCTION gearbridge._handle(id bigint, secret uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'S:' || id || '-' || pg_catalog.to_hex(
    pg_catalog.uuid_hash_extended(secret, id) | (-9223372036854775808)
);

COMMENT ON FUNCTION gearbridge._handle(bigint, uuid) IS
$comment$A handle for the job of this number, of a random number that is told to nobody. The number is given again where the database is a copy or is put back to what it was; the 63 random bits behind it are not.

Example: SELECT gearbridge._handle(42, gen_random_uuid());
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._handle(bigint, uuid) FROM PUBLIC;
