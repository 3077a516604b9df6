"""The job table in an SQLite file: WAL, synchronous FULL, one statement for many rows.

sqlite3 gives up Python's global lock at every step of a statement, and with a busy event loop beside it each step then
waits to get the lock back; so a statement per row, as executemany does, is up to fifty times slower than one for many.
"""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from gearbridge.errors import ConfigurationError

from .schema import job
from .table import COLUMNS, TableStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from .table import Row

_T = TypeVar("_T")

#: Rows per statement, largest first: few different texts, so that SQLite's compiled statements are used again.
_SIZES = (512, 64, 8, 1)
_COLUMN_NAMES = ", ".join(COLUMNS)
_ROW = "(" + ", ".join("?" * len(COLUMNS)) + ")"
#: How long another writer of the file is waited for, in milliseconds.
_BUSY_TIMEOUT = 10_000

_INSERT = {
    size: f"INSERT OR IGNORE INTO {job.name} ({_COLUMN_NAMES}) VALUES " + ", ".join([_ROW] * size) for size in _SIZES
}
_DELETE = {size: f"DELETE FROM {job.name} WHERE handle IN ({', '.join('?' * size)})" for size in _SIZES}


class SQLiteStore(TableStore):
    """`sqlite:///FILE`. One server at a time may keep its jobs in a file; other programs may read and write it."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Take the file for this server, then connect."""
        self._lock_file()
        super().open()

    def close(self) -> None:
        """Disconnect and let another server have the file."""
        super().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _create_engine(self, url: URL) -> Engine:
        # One connection, opened by the main thread and then used by the committer's alone.
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        return engine

    def _insert(self, connection: Connection, rows: list[Row]) -> None:
        for chunk in _chunks(rows):
            values = tuple(value for row in chunk for value in row)
            connection.exec_driver_sql(_INSERT[len(chunk)], values)

    def _delete(self, connection: Connection, handles: list[str]) -> None:
        for chunk in _chunks(handles):
            connection.exec_driver_sql(_DELETE[len(chunk)], tuple(chunk))

    def _lock_file(self) -> None:
        path = self._url.database
        if not path or path == ":memory:":
            raise ConfigurationError("a store in SQLite needs a file: sqlite:///FILE (or memory: to keep nothing)")
        try:
            # Beside the database, not on it: closing any descriptor of the database would drop SQLite's own locks.
            self._lock = open(f"{path}.lock", "wb")  # noqa: SIM115  held until close
        except OSError as error:
            raise ConfigurationError(f"cannot use {path} as a store: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise ConfigurationError(
                f"{os.path.abspath(path)} is in use by another gearbridge server; give each server a file of its own"
            ) from None


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, see _begin
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _chunks(items: list[_T]) -> Iterator[list[_T]]:
    start = 0
    for size in _SIZES:
        while len(items) - start >= size:
            yield items[start : start + size]
            start += size
