-- Who was granted what. A right belongs to a role and not to its name: whoever is renamed keeps it, and a newcomer of the
-- same name has none. The name is there for people, and for a dump: elsewhere the same role has another number.
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
'Who may submit, work, monitor, administer and keep jobs here: gearbridge.grant_submit() and its like write it. The role public is everybody.';
COMMENT ON COLUMN gearbridge.role_right.role IS 'its name when it was granted, or public for everybody';
COMMENT ON COLUMN gearbridge.role_right.role_oid IS 'the role: found by its name when the row is written; 0 for public, and for a name that no role had';
COMMENT ON COLUMN gearbridge.role_right.pattern IS 'of the functions of which the role may submit or complete jobs; * is any number of characters';

REVOKE ALL ON TABLE gearbridge.role_right FROM PUBLIC;

-- What a plain script has made, since no extension knows it. Of the extension this stays empty.
CREATE TABLE gearbridge.own_object (
    kind text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (kind, name)
);

COMMENT ON TABLE gearbridge.own_object IS 'The functions, tables and views that a plain script has made here: their privileges are gearbridge''s to give.';

REVOKE ALL ON TABLE gearbridge.own_object FROM PUBLIC;
