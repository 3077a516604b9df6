-- A server that keeps its jobs in this database makes the schema too, when it is there first; then it is taken over. What
-- is in it will run with the rights of the role that installs (of a superuser, for an extension), so all of it must belong
-- to exactly that role.
DO $schema$
DECLARE
    foreign_object text;
BEGIN
    IF pg_catalog.to_regnamespace('gearbridge') IS NULL THEN
        CREATE SCHEMA gearbridge;
        RETURN;
    ELSIF pg_catalog.to_regclass('gearbridge.role_right') IS NOT NULL THEN
        RAISE duplicate_object USING
            MESSAGE = 'gearbridge already exists in this database',
            HINT = 'ALTER EXTENSION gearbridge UPDATE upgrades the extension; a plain script is run only once.';
    END IF;
    SELECT pg_catalog.format('schema gearbridge belongs to role %I', pg_catalog.pg_get_userbyid(space.nspowner))
    INTO foreign_object
    FROM pg_catalog.pg_namespace AS space
    WHERE space.nspname = 'gearbridge' AND space.nspowner <> CURRENT_USER::regrole::oid;
    -- Its own statement: what is below means something only where nobody else may change it.
    IF foreign_object IS NULL THEN
        REVOKE ALL ON SCHEMA gearbridge FROM PUBLIC;
        SELECT pg_catalog.format(
            '%s is in schema gearbridge%s', pg_catalog.pg_describe_object(member.classid, member.objid, 0),
            ', and belongs to role ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(relation.relowner))
        )
        INTO foreign_object
        FROM pg_catalog.pg_depend AS member
        LEFT JOIN pg_catalog.pg_class AS relation ON relation.oid = member.objid AND member.classid = 'pg_catalog.pg_class'::regclass
        WHERE member.refclassid = 'pg_catalog.pg_namespace'::regclass
            AND member.refobjid = pg_catalog.to_regnamespace('gearbridge')
            AND (
                relation.relowner = CURRENT_USER::regrole::oid AND relation.relpersistence = 'p'
                AND (relation.relkind, relation.relname) IN (
                    ('r', 'gearbridge_job'), ('r', 'gearbridge_node'), ('r', 'gearbridge_limit'), ('r', 'gearbridge_schema'),
                    ('S', 'gearbridge_job_id_seq'), ('S', 'gearbridge_node_epoch_seq')
                )
            ) IS NOT TRUE
        LIMIT 1;
    END IF;
    IF foreign_object IS NOT NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('the schema gearbridge is not taken over: %s', foreign_object),
            DETAIL = pg_catalog.format(
                'What is installed runs with the rights of role %I, so nothing of another role may be in it.', CURRENT_USER
            ),
            HINT = 'Inspect it. Then install as a role that owns all of it, drop it, or change its owner (ALTER ... OWNER TO).';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'gearbridge') THEN
        ALTER EXTENSION gearbridge ADD SCHEMA gearbridge;
    END IF;
END
$schema$;

COMMENT ON SCHEMA gearbridge IS 'gearbridge: its own functions and tables. The functions for applications are named gman_* and are elsewhere.';

-- Being in the schema gives no right to anything in it: each function and table says for itself who may use it.
GRANT USAGE ON SCHEMA gearbridge TO PUBLIC;
