"""The job table's DDL for scripts, compiled from the one definition that the stores have too. It runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment

from ..stores.jobtable.schema import MYSQL_INDEXES, SCHEMA_VERSION, complete, job, version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Dialect
    from sqlalchemy.schema import ExecutableDDLElement

#: What the definition is compiled for, by the name that a `\tables` line gives.
_DIALECTS = {"postgresql": postgresql.dialect, "mysql": mysql.dialect, "sqlite": sqlite.dialect}


def tables_script(database: str, schema: str | None = None) -> str:
    """The statements that make the tables in this kind of database, ended by semicolons."""
    dialect: Dialect = _DIALECTS[database]()
    statements = [_compiled(statement, dialect, schema) for statement in _definitions(dialect)]
    if database == "mysql":
        statements.extend(MYSQL_INDEXES.values())
    prefix = f"{schema}." if schema else ""
    statements.append(f"INSERT INTO {prefix}{version.name} (version) VALUES ({SCHEMA_VERSION})")
    # The compiler ends its lines with blanks and indents with tabs.
    lines = (line.rstrip().expandtabs(4) for statement in statements for line in f"{statement};\n".splitlines())
    return "\n".join(lines) + "\n"


def _definitions(dialect: Dialect) -> Iterator[ExecutableDDLElement]:
    tables = complete(dialect.name).sorted_tables
    yield from map(CreateTable, tables)
    if dialect.name != "mysql":
        yield from (CreateIndex(index) for index in sorted(job.indexes, key=lambda index: str(index.name)))
    if dialect.supports_comments and not dialect.inline_comments:
        yield from (SetColumnComment(column) for table in tables for column in table.columns if column.comment)


def _compiled(statement: ExecutableDDLElement, dialect: Dialect, schema: str | None) -> str:
    if schema is None:
        return str(statement.compile(dialect=dialect)).strip()
    there = {None: schema}
    text = statement.compile(dialect=dialect, schema_translate_map=there, render_schema_translate=True)
    return str(text).strip().replace("%%", "%")
