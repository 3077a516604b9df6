"""The job table in an SQLite file: WAL, synchronous FULL, one statement for many rows.

sqlite3 gives up Python's global lock at every step of a statement, and with a busy event loop beside it each step then
waits to get the lock back; so a statement per row, as executemany does, is many times slower than one for all.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from typing import IO, TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from gearbridge.errors import ConfigurationError, StoreInUse

from .bulk import BulkTableStore, chunks, settle_statement
from .rows import COLUMNS
from .schema import KEPT, WAITING, job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from .bulk import Statement
    from .rows import Row, Settlement

#: Rows per statement, largest first: few different texts, so that SQLite's compiled statements are used again.
_SIZES = (512, 64, 8, 1)
_ROW = "(" + ", ".join("?" * len(COLUMNS)) + ", {})"
#: How long another writer of the file is waited for, in milliseconds.
_BUSY_TIMEOUT = 10_000

_INSERT = {
    (size, state): f"INSERT OR IGNORE INTO {job.name} ({', '.join(COLUMNS)}, state) VALUES "
    + ", ".join([_ROW.format(state)] * size)
    for size in _SIZES
    for state in (KEPT, WAITING)
}
_UPDATE = f"UPDATE {job.name} SET attempts = ?, numerator = NULL, denominator = NULL WHERE handle = ?"
_SETTLE = settle_statement("?")
_DELETE = {size: f"DELETE FROM {job.name} WHERE handle IN ({', '.join('?' * size)})" for size in _SIZES}


class SQLiteStore(BulkTableStore):
    """`sqlite:///FILE`. One server at a time may keep its jobs in a file; other programs may read and write it."""

    begin = "BEGIN IMMEDIATE"

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
        engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _set_up)
        return engine

    def _inserts(self, rows: list[Row], state: int) -> Iterator[Statement]:
        for chunk in chunks(rows, _SIZES):
            yield _INSERT[len(chunk), state], [value for row in chunk for value in row]

    def _updates(self, attempts: dict[str, int]) -> Iterator[Statement]:
        for handle, count in attempts.items():
            yield _UPDATE, (count, handle)

    def _settles(self, settled: dict[str, Settlement]) -> Iterator[Statement]:
        for handle, values in settled.items():
            yield _SETTLE, (*values, handle)

    def _deletes(self, handles: list[str]) -> Iterator[Statement]:
        for chunk in chunks(handles, _SIZES):
            yield _DELETE[len(chunk)], chunk

    def _is_unavailable(self, error: Exception) -> bool:
        # Another program has the file locked for longer than we wait: it will let go.
        return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)

    def _lock_file(self) -> None:
        path = self._url.database
        if not path or path == ":memory:":
            raise ConfigurationError("a store in SQLite needs a file: sqlite:///FILE (or memory: to keep nothing)")
        try:
            self._lock = open(lock_of(path), "wb")  # noqa: SIM115  held until close
        except OSError as error:
            raise ConfigurationError(f"cannot use {path} as a store: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise StoreInUse(
                f"{os.path.abspath(path)} is in use by another gearbridge server or bridge; "
                "give each server a file of its own"
            ) from None


def lock_of(path: str) -> str:
    """The file whose lock says that a server or bridge has this database.

    Beside the database, not itself: closing any descriptor of the database would drop SQLite's own locks.
    """
    return f"{path}.lock"


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # autocommit: transactions begin where we say
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
