-- The granted rights. A right belongs to a role and not to its name: a renamed role keeps it, and a new role of an old name
-- has none. The name is for display and for dumps: in another cluster the same role has another number.
CREATE TABLE gearbridge.role_right (
    role name NOT NULL,
    role_oid oid NOT NULL GENERATED ALWAYS AS (gearbridge._role_oid(role)) STORED,
    "right" text NOT NULL CHECK ("right" IN ('submit', 'work', 'monitor', 'admin', 'server')),
    pattern text COLLATE "C" NOT NULL CHECK (pattern <> '' AND ("right" IN ('submit', 'work') OR pattern = '*')),
    -- The pattern as LIKE takes it, where _ and % would stand for any character.
    matching text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
            pattern, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%')
    ) STORED,
    PRIMARY KEY (role_oid, role, "right", pattern)
);

COMMENT ON TABLE gearbridge.role_right IS
'The roles that may submit, work, monitor, administer and keep jobs; written by gearbridge.grant_submit() and the other grant_ functions. The role public means every role.';
COMMENT ON COLUMN gearbridge.role_right.role IS 'its name when the right was granted, or public for every role';
COMMENT ON COLUMN gearbridge.role_right.role_oid IS 'the role, looked up by its name when the row is written; 0 for public and for an unknown name';
COMMENT ON COLUMN gearbridge.role_right.pattern IS 'functions of which the role may submit or complete jobs; * matches any number of characters';

REVOKE ALL ON TABLE gearbridge.role_right FROM PUBLIC;

-- What a plain script has made, since no extension knows it. Of the extension this stays empty.
CREATE TABLE gearbridge.own_object (
    kind text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (kind, name)
);

COMMENT ON TABLE gearbridge.own_object IS 'The functions, tables and views that a plain script has created; gearbridge sets their privileges.';

REVOKE ALL ON TABLE gearbridge.own_object FROM PUBLIC;
