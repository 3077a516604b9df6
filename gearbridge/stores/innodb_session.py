"""The SQL side of MySQL's InnoDB memcached interface: one session, which holds a lock. It knows no jobs.

Rules of this file:
1. A session that broke is made anew by the next call, which takes the lock again before anything else.
2. Every statement commits itself, so each read sees what is committed now; none is answered by the query cache, which
   does not hear of what memcached writes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gearbridge.errors import StoreError, StoreUnavailable

from .broken import discard, reason
from .mysql import engine_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    Row = tuple[Any, ...]

#: Seconds without a statement after which MySQL ends a session; a year, since the lock must not end in a quiet night.
_IDLE = 31_536_000


class SQLSession:
    """Raises StoreUnavailable where MySQL cannot be reached, StoreError where it refuses a statement."""

    def __init__(self, url: URL) -> None:
        self._engine = engine_of(url)
        self._connection: Connection | None = None
        self._lock = ""

    def ask(self, statement: str, *parameters: object) -> list[Row]:
        """All rows that a statement gives."""
        with self._errors_told():
            return [tuple(row) for row in self._connected().exec_driver_sql(statement, parameters or None)]

    def each(self, statement: str, *parameters: object) -> Iterator[Row]:
        """The rows that a statement gives, as they come. Read to the end before the next call."""
        with self._errors_told():
            connection = self._connected().execution_options(stream_results=True)
            yield from map(tuple, connection.exec_driver_sql(statement, parameters or None))

    def hold(self, lock: str) -> None:
        """Hold this lock from now on; it ends with the session. StoreUnavailable where another session has it."""
        self._lock = lock
        with self._errors_told():
            self._take(self._connected())

    def close(self) -> None:
        """Disconnect, and let go of the lock."""
        self._lock = ""
        self._disconnect()

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                connection.exec_driver_sql(f"SET SESSION wait_timeout = {_IDLE}")
                if self._lock:
                    self._take(connection)
            except BaseException:
                discard(connection)
                raise
            self._connection = connection
        return self._connection

    def _take(self, connection: Connection) -> None:
        if connection.exec_driver_sql("SELECT GET_LOCK(%s, 0)", (self._lock,)).scalar() != 1:
            raise StoreUnavailable("this prefix is in use by another gearbridge server; give each server its own")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        discard(connection)

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            broken = self._connection is None or not isinstance(error, DBAPIError) or error.connection_invalidated
            if not broken:
                raise StoreError(reason(error)) from error
            self._disconnect()
            raise StoreUnavailable(f"MySQL: {reason(error)}") from error
