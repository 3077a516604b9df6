"""The job table, defined once; every database's DDL is compiled from this definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, SmallInteger, String, Table, select

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Version of the definitions below. Any change of them is a new number and a step in the upgrade path.
SCHEMA_VERSION = 1

metadata = MetaData()

_identity = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only through INTEGER PRIMARY KEY

job = Table(
    "gearbridge_job",
    metadata,
    Column("id", _identity, primary_key=True, autoincrement=True, comment="order of submission"),
    Column("handle", String(64), nullable=False, unique=True),
    Column("function", String(512), nullable=False),
    Column("unique_key", String(512), nullable=False, comment="empty: none"),
    Column("priority", SmallInteger, nullable=False, comment="0 high, 1 normal, 2 low"),
    Column("payload", LargeBinary, nullable=False),
    Column("due", BigInteger, nullable=False, comment="seconds since 1970 before which it must not run; 0: at once"),
    Column("attempts", Integer, nullable=False, comment="how many workers were lost while they held it"),
    Column("reducer", String(512), nullable=False, comment="empty: none"),
    # A number is never given twice, so that order by id stays order of submission after the last row was deleted.
    sqlite_autoincrement=True,
)

version = Table(
    "gearbridge_schema",
    metadata,
    Column("version", Integer, primary_key=True),
)


def create_or_check(connection: Connection) -> None:
    """Create the tables where there are none; raise ConfigurationError where they are of another version."""
    metadata.create_all(connection)
    found = connection.execute(select(version.c.version)).scalar()
    if found is None:
        connection.execute(version.insert().values(version=SCHEMA_VERSION))
    elif found != SCHEMA_VERSION:
        raise ConfigurationError(
            f"the job table has schema version {found}, this gearbridge works with version {SCHEMA_VERSION}"
        )
