-- PostgreSQL inlines this body into its caller. The random number is hashed because the hash is already a number: to convert
-- it to bytes, cut them and write them in hex costs as much again as to draw it. The random number is drawn for this
-- handle alone: the hash does not resist an attack, so two handles from one random number would reveal others. The highest
-- bit is 1, so that there are always 16 digits.
CREATE FUNCTION gearbridge._handle(id bigint, secret uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'S:' || id || '-' || pg_catalog.to_hex(
    pg_catalog.uuid_hash_extended(secret, id) | (-9223372036854775808)
);

COMMENT ON FUNCTION gearbridge._handle(bigint, uuid) IS
$comment$A handle for the job of this number, from a random number that is used for nothing else. A copy or a restored database gives the same number again, but not the same 63 random bits.

Example: SELECT gearbridge._handle(42, gen_random_uuid());
ROLLBACK changes nothing about it: it only computes.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._handle(bigint, uuid) FROM PUBLIC;
