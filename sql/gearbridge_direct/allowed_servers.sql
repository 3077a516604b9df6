-- Which job servers may be reached is the administrator's decision; a parameter would be everybody's.
CREATE TABLE gearbridge.allowed_servers (
    role name NOT NULL,
    role_oid oid NOT NULL GENERATED ALWAYS AS (gearbridge._role_oid(role)) STORED,
    servers text NOT NULL,
    PRIMARY KEY (role_oid, role)
);

COMMENT ON TABLE gearbridge.allowed_servers IS
'The job servers that a role may reach, and that it uses if it names none; written by gearbridge.allow_servers().';
COMMENT ON COLUMN gearbridge.allowed_servers.role IS 'its name when the row was written, or public for every role';
COMMENT ON COLUMN gearbridge.allowed_servers.role_oid IS 'the role, looked up by its name when the row is written; 0 for public and for an unknown name';
COMMENT ON COLUMN gearbridge.allowed_servers.servers IS 'host:port,host:port in the order of trying, or * for any server';

REVOKE ALL ON TABLE gearbridge.allowed_servers FROM PUBLIC;

-- A view asks for current_user in the name of whoever reads it, and reads the table in the name of its owner.
CREATE VIEW gearbridge.my_servers WITH (security_barrier) AS
SELECT
    CASE WHEN allowed.role = 'public' THEN '2' WHEN known.rolname = current_user THEN '0' ELSE '1' END AS nearness,
    allowed.servers
FROM gearbridge.allowed_servers AS allowed LEFT JOIN pg_catalog.pg_roles AS known ON known.oid = allowed.role_oid
WHERE allowed.role = 'public'
    OR (known.oid IS NOT NULL AND pg_catalog.pg_has_role(current_user, allowed.role_oid, 'USAGE'))
UNION ALL
SELECT '3', '*'
WHERE pg_catalog.pg_has_role(
    current_user,
    coalesce(
        (SELECT extowner FROM pg_catalog.pg_extension WHERE extname = 'gearbridge'),
        (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'gearbridge')
    ),
    'USAGE'
);

COMMENT ON VIEW gearbridge.my_servers IS
'The job servers that the current role may reach; nearness 0 is its own row, 1 that of a group, 2 that of every role, 3 that of the owner.';

REVOKE ALL ON TABLE gearbridge.my_servers FROM PUBLIC;
