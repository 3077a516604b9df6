"""Migrations of a database's job table to the version that this gearbridge works with. The tables are in schema.py.

A step leads from one version to the next and runs in the transaction in which the store opens. MySQL commits at every
DDL statement, so there a step that was interrupted is begun again: each statement must not mind having been done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, text
from sqlalchemy.schema import CreateColumn, CreateIndex, SetColumnComment

from gearbridge.errors import ConfigurationError, StoreInUse

from ..database.mysql_versions import demand_version
from .live_nodes import alive
from .schema import MYSQL_INDEXES, POSTGRESQL_OPTIONS, SCHEMA_VERSION, job, metadata, version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Table

    Step = Callable[[Connection], None]


def create_or_upgrade(connection: Connection) -> None:
    """Create the tables where there are none, or bring them up to date.

    Raises ConfigurationError where a newer gearbridge made them or the database is too old, StoreInUse where nodes of
    an older gearbridge are at work.
    """
    demand_version(connection)
    metadata.create_all(connection)
    found = connection.execute(select(version.c.version)).scalar()
    if found is None:
        connection.execute(version.insert().values(version=SCHEMA_VERSION))
        return
    if found not in STEPS and found != SCHEMA_VERSION:
        raise ConfigurationError(
            f"the job table has schema version {found}, this gearbridge works with version {SCHEMA_VERSION}"
        )
    if found != SCHEMA_VERSION and (names := alive(connection)):
        raise StoreInUse(
            f"the job table has schema version {found}, and nodes that work with it: {', '.join(names)}; "
            f"stop them all, then this gearbridge brings it to version {SCHEMA_VERSION}"
        )
    for number in range(found, SCHEMA_VERSION):
        STEPS[number](connection)
        connection.execute(version.update().values(version=number + 1))


def _enqueued_by_sql(connection: Connection) -> None:
    """Room for what SQL enqueues: state, attempts allowed, result, progress and error, and its owner among nodes."""
    names = ("state", "max_attempts", "keep_result", "enqueued", "enqueued_by", "finished")
    _add_columns(connection, job, *names, "numerator", "denominator", "result", "error", "owner")
    if connection.dialect.name == "postgresql":
        for name in ("handle", "function", "unique_key", "reducer"):
            kind = job.c[name].type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {job.name} ALTER COLUMN {name} TYPE {kind}")
        options = ", ".join(f"{name} = {value}" for name, value in POSTGRESQL_OPTIONS.items())
        connection.exec_driver_sql(f"ALTER TABLE {job.name} SET ({options})")
    if connection.dialect.name in ("mysql", "mariadb"):
        present = {index["name"] for index in inspect(connection).get_indexes(job.name)}
        for name, statement in MYSQL_INDEXES.items():
            if name not in present:
                connection.execute(text(statement))
        return
    for index in sorted(job.indexes, key=lambda index: str(index.name)):
        connection.execute(CreateIndex(index, if_not_exists=True))


def _lock_of_the_owner(connection: Connection) -> None:
    """Room for the key of the lock that the owner of the tables has, which other roles must not be able to name.

    And for the life of the database, which its copies do not have. In MySQL the tables get a default character set.
    """
    _add_columns(connection, version, "lock_key", "lock_session", "life", "life_of")
    if connection.dialect.name in ("mysql", "mariadb"):
        for name in metadata.tables:
            connection.exec_driver_sql(f"ALTER TABLE {name} DEFAULT CHARACTER SET utf8mb4")


def _add_columns(connection: Connection, table: Table, *names: str) -> None:
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for name in names:
        if name in present:
            continue
        definition = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}".replace("%", "%%"))
        if connection.dialect.supports_comments and not connection.dialect.inline_comments:
            connection.execute(SetColumnComment(table.c[name]))


#: What leads from each version to the next.
STEPS: Mapping[int, Step] = {1: _enqueued_by_sql, 2: _lock_of_the_owner}
