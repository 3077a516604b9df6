-- Who was granted what. This table is the truth, and it outlives pg_dump: its trigger makes PostgreSQL's privileges agree.
CREATE TABLE gearbridge.role_right (
    role name NOT NULL,
    "right" text NOT NULL CHECK ("right" IN ('submit', 'monitor', 'admin', 'server')),
    pattern text COLLATE "C" NOT NULL CHECK (pattern <> '' AND ("right" = 'submit' OR pattern = '*')),
    -- The pattern as LIKE takes it, where _ and % would stand for any character.
    matching text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
            pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
    ) STORED,
    PRIMARY KEY (role, "right", pattern)
);

COMMENT ON TABLE gearbridge.role_right IS
'Who may submit, monitor, administer and keep jobs here: gearbridge.grant_submit() and its like write it. The role public is everybody.';
COMMENT ON COLUMN gearbridge.role_right.pattern IS 'of the functions that the role may submit; * is any number of characters';

REVOKE ALL ON TABLE gearbridge.role_right FROM PUBLIC;
