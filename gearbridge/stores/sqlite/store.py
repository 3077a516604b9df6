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

from gearbridge.errors import ConfigurationError, StoreInUse, StoreUnavailable
from gearbridge.private_files import create_empty, private

from ..jobtable.bulk import BulkTableStore, chunks, settle_statement
from ..jobtable.rows import COLUMNS, CONTENT
from ..jobtable.schema import KEPT, WAITING, job
from .file_identity import FileIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from ..jobtable.bulk import Statement
    from ..jobtable.rows import Row, Settlement

#: Rows per statement, largest first: few different texts, so that SQLite's compiled statements are used again.
_SIZES = (512, 64, 8, 1)
_ROW = "(" + ", ".join("?" * len(COLUMNS)) + ", {})"
#: How long another writer of the file is waited for, in milliseconds.
_BUSY_TIMEOUT = 10_000

#: Leaves a row that is there as it is; fails, for its handle may not be NULL, where that is another job's.
_UNLESS_OURS = (
    f" ON CONFLICT (handle) DO UPDATE SET handle = NULL WHERE ({', '.join(CONTENT)}) IS NOT "
    f"({', '.join(f'excluded.{name}' for name in CONTENT)})"
)
_INSERT = {
    (size, state): f"INSERT INTO {job.name} ({', '.join(COLUMNS)}, state) VALUES "
    + ", ".join([_ROW.format(state)] * size)
    + _UNLESS_OURS
    for size in _SIZES
    for state in (KEPT, WAITING)
}
_FUNCTIONS = f"SELECT DISTINCT function FROM {job.name} WHERE state = {WAITING}"
_UPDATE = f"UPDATE {job.name} SET attempts = ?, numerator = NULL, denominator = NULL WHERE handle = ?"
_SETTLE = settle_statement("?")
_DELETE = {size: f"DELETE FROM {job.name} WHERE handle IN ({', '.join('?' * size)})" for size in _SIZES}


class SQLiteStore(BulkTableStore):
    """`sqlite:///FILE`. One server at a time may keep its jobs in a file; other programs may read and write it."""

    begin = "BEGIN IMMEDIATE"

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._lock: IO[bytes] | None = None
        self._files = FileIdentity(url.database or "")
        self._changed = False
        self._checked = _Checked(self)
        self._has_bytes = False  # in text, where another program has written bytes that are not UTF-8

    def open(self) -> None:
        """Take the file for this server, then connect."""
        self._lock_file()
        super().open()
        self._files.remember()

    def close(self) -> None:
        """Disconnect and let another server have the file."""
        super().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def has_changed(self) -> bool:
        """Whether the last check found another file."""
        return self._changed

    def check(self) -> None:
        """Raise StoreUnavailable where the file, or SQLite's log beside it, is no longer the one that was opened."""
        changed = self._files.changed()
        self._changed = changed is not None
        if changed is not None:
            raise StoreUnavailable(
                f"{changed} was deleted or replaced while this process has it open: put it back, or restart"
            )

    def _watched(self) -> _Checked:
        return self._checked

    def _connected(self) -> Connection:
        if self._opened and self._at_hand() is None:
            self.check()  # SQLite would make a new file
        return super()._connected()

    def _disconnect(self) -> None:
        super()._disconnect()
        self._files.forget_companions()

    def _create_engine(self, url: URL) -> Engine:
        # One connection, opened by the main thread and then used by the committer's alone.
        engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "connect", self._take_any_text)
        return engine

    def _take_any_text(self, connection: Any, _record: Any) -> None:
        if self._has_bytes:  # a function of Python's for each text takes its time
            connection.text_factory = _any_text

    def _system(self, _connection: Connection) -> str:
        path = os.path.realpath(str(self._url.database))
        return f"{path} {os.stat(path).st_ino}"

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

    def _functions(self, connection: Connection) -> set[str]:
        if not self._has_bytes:
            return super()._functions(connection)
        # A walk asks for what comes after a name; such a name cannot be sent back.
        return set(connection.exec_driver_sql(_FUNCTIONS).scalars())

    def _is_unavailable(self, error: Exception) -> bool:
        if isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error):
            self._has_bytes = True  # the next connection reads it
            return True
        # Another program has the file locked for longer than we wait: it will let go.
        return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)

    def _lock_file(self) -> None:
        path = self._url.database
        if not path or path == ":memory:":
            raise ConfigurationError("a store in SQLite needs a file: sqlite:///FILE (or memory: to keep nothing)")
        try:
            create_empty(path)  # SQLite gives -wal and -shm its mode
            self._lock = open(lock_of(path), "wb", opener=private)  # noqa: SIM115  held until close
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


class _Checked:
    """Checks the file before anything is acknowledged. No generator makes it: that would be slower."""

    __slots__ = ("_store",)

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        if self._store.has_changed:
            self._store.check()

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        if kind is None:
            self._store.check()


def lock_of(path: str) -> str:
    """Return the file of the owner's lock of this database.

    Beside the database, not itself: closing any descriptor of the database would drop SQLite's own locks.
    """
    return f"{path}.lock"


def _any_text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # autocommit: transactions begin where this code begins them
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
