-- A server that keeps its jobs in this database makes the schema too, when it is there first; then it is taken over.
DO $schema$
BEGIN
    IF pg_catalog.to_regnamespace('gearbridge') IS NULL THEN
        CREATE SCHEMA gearbridge;
    ELSIF NOT EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS space, pg_catalog.pg_roles AS owner
        WHERE space.nspname OPERATOR(pg_catalog.=) 'gearbridge' AND owner.oid OPERATOR(pg_catalog.=) space.nspowner
            AND (owner.rolsuper OR pg_catalog.pg_has_role(SESSION_USER, owner.oid, 'USAGE'))
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'the schema gearbridge belongs to somebody else',
            HINT = 'What another role has put there would run with your rights. Look at it, or drop it.';
    ELSIF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'gearbridge') THEN
        ALTER EXTENSION gearbridge ADD SCHEMA gearbridge;
    END IF;
END
$schema$;

COMMENT ON SCHEMA gearbridge IS 'gearbridge: its own functions and tables. What SQL authors call is named gman_* and is elsewhere.';

-- Being in the schema gives no right to anything in it: each function and table says for itself who may use it.
GRANT USAGE ON SCHEMA gearbridge TO PUBLIC;
