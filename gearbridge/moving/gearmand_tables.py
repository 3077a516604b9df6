"""gearmand's queue in a table of SQLite, PostgreSQL or MySQL, as its libsqlite3, Postgres and MySQL queues leave it.

The tables have no column for the order. It is found where the database happens to keep it: SQLite numbers rows,
PostgreSQL numbers the transactions that made them (gearmand uses one for each job), and InnoDB, where a table has no
primary key, keeps rows as they came.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pymysql
import pymysql.cursors

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.database.urls import database_url

from .gearmand import Queued, unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy.engine import URL

#: Rows fetched at a time.
_ROWS = 1000
_TABLES = {"sqlite": "gearman_queue", "mysql": "gearman_queue", "mariadb": "gearman_queue"}


def read(url: str, functions: Collection[bytes]) -> Iterator[Queued]:
    """The jobs in the table. Raises ConfigurationError where it cannot be read."""
    try:
        place = database_url(url)
    except ConfigurationError as error:
        raise ConfigurationError(f"gearmand+{redacted(url)} cannot be used: {error}") from None
    kind = place.get_backend_name()
    table, charset = (str(place.query.get(*one)) for one in (("table", _TABLES.get(kind, "queue")), ("charset", "")))
    unknown = place.query.keys() - {"table", "charset"}
    if unknown or (charset and (kind not in {"mysql", "mariadb"} or not re.fullmatch(r"\w+", charset))):
        raise ConfigurationError(f"{min(unknown, default='charset')} has no place in gearmand+{kind}://")
    place = place.set(query={})
    try:
        if kind == "sqlite":
            yield from _sqlite(place, table)
        elif kind in {"mysql", "mariadb"}:
            yield from _mysql(place, table, charset or "utf8mb4")
        else:
            yield from _postgresql(place, table)
    except (sqlite3.Error, psycopg.Error, pymysql.Error, RuntimeError) as error:  # PyMySQL's, where it cannot log in
        raise unreadable(url, error) from error


def _sqlite(place: URL, table: str) -> Iterator[Queued]:
    path = Path(place.database or "")
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        name = '"{}"'.format(table.replace('"', '""'))
        yield from map(
            Queued._make,
            connection.execute(
                f"SELECT function_name, unique_key, priority, CAST(data AS BLOB), when_to_run FROM {name} "
                "ORDER BY rowid"
            ),
        )


def _postgresql(place: URL, table: str) -> Iterator[Queued]:
    target = place.set(drivername="postgresql").render_as_string(hide_password=False)
    # gearmand does not quote the name, so PostgreSQL has it in lower case.
    name = psycopg.sql.Identifier(*table.lower().split("."))
    with psycopg.connect(target, client_encoding="utf8") as connection:
        connection.read_only = True
        with connection.cursor("gearmand", row_factory=psycopg.rows.tuple_row) as cursor:
            cursor.itersize = _ROWS
            # The names as the bytes that gearmand sent, whatever the database's encoding.
            cursor.execute(
                psycopg.sql.SQL(
                    "SELECT pg_catalog.convert_to(function_name, pg_catalog.getdatabaseencoding()), "
                    "pg_catalog.convert_to(unique_key, pg_catalog.getdatabaseencoding()), priority, data, when_to_run "
                    "FROM {} ORDER BY pg_catalog.age(xmin) DESC, ctid"
                ).format(name)
            )
            yield from map(Queued._make, cursor)


def _mysql(place: URL, table: str, charset: str) -> Iterator[Queued]:
    connection = pymysql.connect(
        host=place.host or "localhost",
        port=place.port or 3306,
        user=place.username,
        password=(place.password or "").encode(),  # PyMySQL takes text for Latin-1
        database=place.database,
        connect_timeout=5,
        cursorclass=pymysql.cursors.SSCursor,
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("START TRANSACTION READ ONLY")
        name = "`{}`".format(table.replace("`", "``"))
        # The names as the bytes that gearmand sent, in the character set of its connection.
        function, unique = (f"CAST(CONVERT({column} USING {charset}) AS BINARY)" for column in _NAMES)
        cursor.execute(f"SELECT {function}, {unique}, priority, data, when_to_run FROM {name}")
        yield from map(Queued._make, cursor)


_NAMES = ("function_name", "unique_key")
