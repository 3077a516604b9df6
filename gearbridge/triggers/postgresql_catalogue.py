"""What PostgreSQL's catalogues are asked before a trigger is made, and for those that there are."""

from __future__ import annotations

LOOK = """
SELECT attribute.attname, space.nspname, pg_catalog.pg_get_userbyid(relation.relowner),
    relation.relowner = current_user::pg_catalog.regrole::pg_catalog.oid OR owner.rolsuper
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace
JOIN pg_catalog.pg_roles AS owner ON owner.oid = relation.relowner
LEFT JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE relation.oid = CAST(? AS oid)
ORDER BY attribute.attnum"""

# Those of two schemas into which only superusers may write, and the table's owner, who could make the trigger anew. The
# owner of a database is a member of pg_database_owner.
TRUSTED = """
SELECT space.nspname
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace OR space.nspname = ?
WHERE relation.oid = CAST(? AS oid) AND NOT EXISTS (
    SELECT FROM (
        SELECT space.nspowner
        UNION ALL
        SELECT given.grantee FROM pg_catalog.aclexplode(space.nspacl) AS given WHERE given.privilege_type = 'CREATE'
    ) AS writer (oid)
    LEFT JOIN pg_catalog.pg_roles AS known ON known.oid = writer.oid
    WHERE known.oid IS NULL OR NOT (
        known.rolsuper OR known.oid = relation.relowner OR (
            known.rolname = 'pg_database_owner' AND (
                SELECT base.datdba = relation.relowner OR keeper.rolsuper
                FROM pg_catalog.pg_database AS base JOIN pg_catalog.pg_roles AS keeper ON keeper.oid = base.datdba
                WHERE base.datname = pg_catalog.current_database()
            )
        )
    )
)
ORDER BY space.oid = relation.relnamespace DESC"""

# Types of which somebody else is the owner, or has made a cast: what the columns have, and what that consists of.
STRANGE_TYPES = """
WITH RECURSIVE used (oid) AS (
    SELECT attribute.atttypid FROM pg_catalog.pg_attribute AS attribute
    WHERE attribute.attrelid = CAST(? AS oid) AND attribute.attnum > 0 AND NOT attribute.attisdropped
    UNION
    SELECT part.oid
    FROM used JOIN pg_catalog.pg_type AS type ON type.oid = used.oid
    CROSS JOIN LATERAL (
        SELECT type.typelem UNION ALL SELECT type.typbasetype UNION ALL
        SELECT attribute.atttypid FROM pg_catalog.pg_attribute AS attribute
        WHERE attribute.attrelid = type.typrelid AND attribute.attnum > 0 AND NOT attribute.attisdropped
    ) AS part (oid)
    WHERE part.oid <> 0
)
SELECT pg_catalog.format_type(type.oid, NULL), pg_catalog.pg_get_userbyid(other.oid)
FROM used JOIN pg_catalog.pg_type AS type ON type.oid = used.oid
CROSS JOIN LATERAL (
    SELECT type.typowner UNION ALL
    SELECT routine.proowner
    FROM pg_catalog.pg_cast AS made JOIN pg_catalog.pg_proc AS routine ON routine.oid = made.castfunc
    WHERE made.castsource = type.oid
) AS other (oid)
JOIN pg_catalog.pg_roles AS owner ON owner.oid = other.oid
WHERE NOT owner.rolsuper AND owner.rolname <> current_user
LIMIT 1"""

# What the session looks names up in, and where its table is: asked before those below, which are asked under OWN_NAMES.
SESSION = """
SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'),
    pg_catalog.current_schemas(false)::pg_catalog.text[], pg_catalog.to_regclass(?)::pg_catalog.oid"""

# Where our functions are; not those of the same name of another role than has our schema, and of a role that a
# superuser should not lend its tables' triggers.
FUNCTIONS = """
SELECT space.nspname
FROM pg_catalog.pg_proc AS routine
JOIN pg_catalog.pg_namespace AS space ON space.oid = routine.pronamespace
JOIN pg_catalog.pg_namespace AS ours ON ours.nspname = 'gearbridge' AND ours.nspowner = routine.proowner
JOIN pg_catalog.pg_roles AS owner ON owner.oid = ours.nspowner
JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
WHERE routine.proname = 'gman_enqueue_row' AND (owner.rolsuper OR owner.oid = me.oid OR NOT me.rolsuper)
ORDER BY pg_catalog.array_position(CAST(? AS pg_catalog.text[]), space.nspname::pg_catalog.text), space.nspname
LIMIT 1"""

# Bits of tgtype: 4 INSERT, 8 DELETE, 16 UPDATE. The arguments of a trigger are kept with a NUL after each. Anybody may
# mark a trigger as ours, whose function is another's: the last column is the owner of a function that is not dropped
# with its trigger, because it is none that a trigger gets, or a superuser would drop it for one role at another's cost.
INSTALLED = r"""
SELECT
    space.nspname, relation.relname, own.tgname, own.tgtype,
    ARRAY(
        SELECT attribute.attname::text
        FROM pg_catalog.unnest(own.tgattr::smallint[]) WITH ORDINALITY AS named (number, place)
        JOIN pg_catalog.pg_attribute AS attribute
            ON attribute.attrelid = own.tgrelid AND attribute.attnum = named.number
        ORDER BY named.place
    ),
    ARRAY(
        SELECT pg_catalog.convert_from(
            pg_catalog.decode(pg_catalog.replace(argument.text, ' ', ''), 'hex'), pg_catalog.getdatabaseencoding()
        )
        FROM pg_catalog.regexp_split_to_table(
            pg_catalog.regexp_replace(pg_catalog.encode(own.tgargs, 'hex'), '(..)', E'\\1 ', 'g'), '00 '
        ) WITH ORDINALITY AS argument (text, place)
        ORDER BY argument.place
    ),
    own.tgenabled <> 'D',
    pg_catalog.obj_description(own.oid, 'pg_trigger'),
    pg_catalog.quote_ident(routine_space.nspname) || '.' || pg_catalog.quote_ident(routine.proname) || '()',
    routine.proname IN ('gman_enqueue_row', 'gman_enqueue_rows'),
    CASE WHEN NOT (
        pg_catalog.starts_with(routine.prosrc, E'\n#variable_conflict use_column\nBEGIN\n    PERFORM ')
        AND (NOT me.rolsuper OR maker.rolsuper OR maker.oid = relation.relowner)
    ) THEN maker.rolname END
FROM pg_catalog.pg_trigger AS own
JOIN pg_catalog.pg_class AS relation ON relation.oid = own.tgrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = relation.relnamespace
JOIN pg_catalog.pg_proc AS routine ON routine.oid = own.tgfoid
JOIN pg_catalog.pg_namespace AS routine_space ON routine_space.oid = routine.pronamespace
JOIN pg_catalog.pg_roles AS maker ON maker.oid = routine.proowner
JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
WHERE NOT own.tgisinternal AND own.tgparentid = 0
ORDER BY space.nspname, relation.relname, own.tgname"""
