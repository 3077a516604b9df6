"""The job table, defined once; every database's DDL is compiled from this definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, SmallInteger, String, Table, select
from sqlalchemy.dialects import mysql

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.types import TypeEngine

#: Version of the definitions below. Any change of them is a new number and a step in the upgrade path.
SCHEMA_VERSION = 1

#: A function name or unique key takes up to four characters a byte, where it is not UTF-8 (names.py).
_FUNCTION_LENGTH = 4 * 512
_UNIQUE_KEY_LENGTH = 4 * 255

_MYSQL = ("mysql", "mariadb")

metadata = MetaData()


def _text(length: int, charset: str = "utf8mb4") -> TypeEngine[str]:
    """Text that is compared byte by byte. MySQL's default collations take `U1` and `u1` for the same."""
    return String(length).with_variant(mysql.VARCHAR(length, charset=charset, collation=f"{charset}_bin"), *_MYSQL)


job = Table(
    "gearbridge_job",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),  # SQLite numbers rows only through INTEGER PRIMARY KEY
        primary_key=True,
        autoincrement=True,
        comment="order of submission",
    ),
    Column("handle", _text(64, "ascii"), nullable=False, unique=True),
    Column("function", _text(_FUNCTION_LENGTH), nullable=False),
    Column("unique_key", _text(_UNIQUE_KEY_LENGTH), nullable=False, comment="empty: none"),
    Column("priority", SmallInteger, nullable=False, comment="0 high, 1 normal, 2 low"),
    Column("payload", LargeBinary().with_variant(mysql.LONGBLOB, *_MYSQL), nullable=False),
    Column("due", BigInteger, nullable=False, comment="seconds since 1970 before which it must not run; 0: at once"),
    Column("attempts", Integer, nullable=False, comment="how many workers were lost while they held it"),
    Column("reducer", _text(_FUNCTION_LENGTH), nullable=False, comment="empty: none"),
    # A number is never given twice, so that order by id stays order of submission after the last row was deleted.
    sqlite_autoincrement=True,
    mysql_engine="InnoDB",
    mariadb_engine="InnoDB",
    # Rows larger than a page's half, without their payload, need this; it is the default since MySQL 5.7.
    mysql_row_format="DYNAMIC",
    mariadb_row_format="DYNAMIC",
)

version = Table(
    "gearbridge_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    mysql_engine="InnoDB",
    mariadb_engine="InnoDB",
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
