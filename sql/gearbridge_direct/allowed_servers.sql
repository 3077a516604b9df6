-- Which job servers may be reached is the administrator's decision; a parameter would be everybody's.
CREATE TABLE gearbridge.allowed_servers (
    role name PRIMARY KEY,
    servers text NOT NULL
);

COMMENT ON TABLE gearbridge.allowed_servers IS
'The job servers that a role may reach, and those it uses if it names none: gearbridge.allow_servers() writes it.';
COMMENT ON COLUMN gearbridge.allowed_servers.role IS 'a role, or public for everybody';
COMMENT ON COLUMN gearbridge.allowed_servers.servers IS 'host:port,host:port in the order of trying, or * for any server';

REVOKE ALL ON TABLE gearbridge.allowed_servers FROM PUBLIC;

-- A view asks for current_user in the name of whoever reads it, and reads the table in the name of its owner.
CREATE VIEW gearbridge.my_servers WITH (security_barrier) AS
SELECT
    CASE allowed.role WHEN current_user THEN '0' WHEN 'public' THEN '2' ELSE '1' END AS nearness,
    allowed.servers
FROM gearbridge.allowed_servers AS allowed
WHERE allowed.role IN (current_user, 'public')
    OR pg_catalog.pg_has_role(
        current_user, pg_catalog.to_regrole(pg_catalog.quote_ident(allowed.role)), 'USAGE'
    )
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
'The job servers that the current role may reach; nearness 0 is its own row, 1 a group''s, 2 everybody''s, 3 the owner''s.';

REVOKE ALL ON TABLE gearbridge.my_servers FROM PUBLIC;
