"""Whether the job table in a PostgreSQL may be taken over: what others have put there would run with our role's rights.

Trusted are our role itself and superusers, who may do all that it may. A role that is no superuser trusts the owner of
the extension and of the database too, from whom it was granted the table; a superuser runs over nothing of theirs.
While the questions are asked nothing is looked up in the schema that they are about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gearbridge.errors import ConfigurationError

from ..database.engines import OWN_NAMES
from ..jobtable.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Column, Connection, Dialect, Table

_ME = (
    "me AS (SELECT oid, rolname, rolsuper FROM pg_roles WHERE rolname = current_user), "
    "trusted AS (SELECT role.oid FROM pg_roles AS role, me WHERE role.oid = me.oid OR role.rolsuper OR NOT me.rolsuper "
    "AND role.oid IN ((SELECT datdba FROM pg_database WHERE datname = current_database()), "
    "(SELECT extowner FROM pg_extension WHERE extname = 'gearbridge')))"
)
_THERE = "space AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = :schema)"
#: What is there by its owner: kind, name, owner.
_OWNED = (
    "SELECT 'schema' AS kind, nspname::text AS name, nspowner AS owner FROM space "
    "UNION ALL SELECT 'relation', relname::text, relowner FROM pg_class WHERE relnamespace = (SELECT oid FROM space) "
    "UNION ALL SELECT 'function', proname::text, proowner FROM pg_proc WHERE pronamespace = (SELECT oid FROM space) "
    "UNION ALL SELECT 'operator', oprname::text, oprowner FROM pg_operator "
    "WHERE oprnamespace = (SELECT oid FROM space) "
    "UNION ALL SELECT 'type', typname::text, typowner FROM pg_type WHERE typnamespace = (SELECT oid FROM space)"
)


def others(which: str, schema: str) -> str:
    """Write the query that finds what in a schema belongs to a role that is not trusted: kind, name, owner; or no row.

    `which` is a condition for what counts, `schema` SQL for the schema's name. It has to run under OWN_NAMES.
    """
    return (
        f"WITH {_ME}, {_THERE.replace(':schema', schema)}, owned AS ({_OWNED}) "
        "SELECT kind, name, pg_get_userbyid(owner) FROM owned WHERE owner NOT IN (SELECT oid FROM trusted) "
        f"AND ({which}) ORDER BY kind <> 'schema', kind, name LIMIT 1"
    )


_OTHERS = text(others("NOT :only_tables OR kind = 'relation' AND name = ANY (CAST(:names AS text[]))", ":schema"))
_OURS = (
    "ours AS (SELECT oid, relname, relkind, relrowsecurity, relispartition FROM pg_class "
    "WHERE relnamespace = (SELECT oid FROM space) AND relname = ANY (CAST(:names AS text[])))"
)
#: The objects that belong to a table of ours and can name a function: catalogue and oid.
_PARTS = (
    "SELECT 'pg_class'::regclass AS class, oid, relname FROM ours "
    "UNION ALL SELECT 'pg_class'::regclass, indexrelid, relname FROM pg_index, ours WHERE indrelid = ours.oid "
    "UNION ALL SELECT 'pg_attrdef'::regclass, pg_attrdef.oid, relname FROM pg_attrdef, ours WHERE adrelid = ours.oid"
)
#: What must not be there, by table.
_STRANGE = text(
    f"WITH {_THERE}, {_OURS}, parts AS ({_PARTS}) "
    "SELECT relname::text, 'is no plain table' FROM ours WHERE relkind <> 'r' OR relispartition "
    "UNION ALL SELECT relname, 'has the trigger ' || tgname FROM pg_trigger, ours "
    "WHERE tgrelid = ours.oid AND NOT tgisinternal "
    "UNION ALL SELECT relname, 'has the rule ' || rulename FROM pg_rewrite, ours WHERE ev_class = ours.oid "
    "UNION ALL SELECT relname, 'has the policy ' || polname FROM pg_policy, ours WHERE polrelid = ours.oid "
    "UNION ALL SELECT relname, 'has row level security' FROM ours WHERE relrowsecurity "
    "UNION ALL SELECT relname, 'inherits, or is inherited from' FROM pg_inherits, ours "
    "WHERE ours.oid IN (inhrelid, inhparent) "
    "UNION ALL SELECT relname, 'has the constraint ' || conname FROM pg_constraint, ours "
    "WHERE conrelid = ours.oid AND contype NOT IN ('p', 'u', 'n') OR confrelid = ours.oid "
    "UNION ALL SELECT relname, 'has the generated column ' || attname FROM pg_attribute, ours "
    "WHERE attrelid = ours.oid AND attgenerated <> '' "
    "UNION ALL SELECT relname, 'has an index with an expression' FROM pg_index, ours "
    "WHERE indrelid = ours.oid AND (indexprs IS NOT NULL OR pg_get_expr(indpred, indrelid) ~ '[[:alnum:]_\"][(]') "
    "UNION ALL SELECT relname, 'uses ' || pg_describe_object(refclassid, refobjid, 0) "
    "FROM pg_depend JOIN parts ON classid = class AND objid = parts.oid "
    "WHERE refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_type'::regclass) "
    "AND refobjid >= 16384 LIMIT 1"
)
_COLUMNS = text(
    f"WITH {_THERE}, {_OURS} SELECT relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull, "
    "coalesce(pg_get_expr(adbin, adrelid), '') FROM ours JOIN pg_attribute ON attrelid = ours.oid "
    "LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped"
)
#: The defaults of our columns: none, a number, or the next one of the table's own.
_DEFAULT = re.compile(r"|'?\d+'?(::\w+)?|nextval\('(gearbridge\.)?gearbridge_(job_id|node_epoch)_seq'::regclass\)")
#: What PostgreSQL calls the types that SQL abbreviates.
_LONG = {"VARCHAR": "character varying", "FLOAT": "double precision"}
_NAMES = list(metadata.tables)


def demand_trust(connection: Connection, schema: str, *, only_tables: bool = False) -> None:
    """Raise ConfigurationError where another role owns what is in the schema, or our tables run code of its own.

    `only_tables`: others may have what they like in the schema, but for our tables. To be called in a transaction.
    """
    connection.execute(text(OWN_NAMES.replace("SET", "SET LOCAL")))
    asked = {"schema": schema, "names": _NAMES}
    others = connection.execute(_OTHERS, {**asked, "only_tables": only_tables}).first()
    if others is not None:
        kind, name, owner = others
        what = f"the schema {name}" if kind == "schema" else f"the {kind} {schema}.{name}"
        raise ConfigurationError(_refusal(connection, f"{what} belongs to the role {owner}"))
    strange = connection.execute(_STRANGE, asked).first()
    if strange is not None:
        raise ConfigurationError(_refusal(connection, f"{schema}.{strange[0]} {strange[1]}"))


def demand_columns(connection: Connection, schema: str) -> None:
    """Raise ConfigurationError where the tables have not exactly our columns; they are of the present version."""
    rows = connection.execute(_COLUMNS, {"schema": schema, "names": _NAMES}).all()
    found = {(table, name): tuple(rest) for table, name, *rest in rows}
    for (table, name), kind in _expected(connection.dialect):
        column = found.pop((table, name), None)
        if column is None or column[:2] != kind or _DEFAULT.fullmatch(column[2]) is None:
            why = "is missing" if column is None else f"is not as gearbridge makes it: {' '.join(map(str, column))}"
            raise ConfigurationError(_refusal(connection, f"the column {name} of {schema}.{table} {why}"))
    for table, name in found:
        raise ConfigurationError(_refusal(connection, f"{schema}.{table} has the column {name}"))


def _expected(dialect: Dialect) -> Iterator[tuple[tuple[str, str], tuple[str, bool]]]:
    tables: Iterable[Table] = metadata.tables.values()
    for table in tables:
        for column in table.columns:
            yield (table.name, column.name), (_type(column, dialect), not column.nullable)


def _type(column: Column[Any], dialect: Dialect) -> str:
    word, length = re.match(r"(\w+(?: PRECISION)?)((?:\(\d+\))?)", column.type.compile(dialect)).groups()  # type: ignore[union-attr]
    return f"{_LONG.get(word, word.lower())}{length}"


def _refusal(connection: Connection, what: str) -> str:
    role = connection.execute(text("SELECT current_user")).scalar()
    return (
        f"{what}, which could run code with the rights of {role}. Let the server use the role that made the tables, or "
        f"one that gearbridge.grant_server was called for; or look at what is there, and drop it or give it to {role}"
    )
