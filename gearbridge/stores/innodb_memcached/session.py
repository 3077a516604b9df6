"""The SQL side of MySQL's InnoDB memcached interface: one session, which holds a lock. It knows no jobs.

Rules of this file:
1. A session that broke is made anew by the next call, which takes the lock again before anything else.
2. Every statement commits itself, so each read sees what is committed now; none is answered by the query cache, which
   misses what memcached writes.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gearbridge.errors import StoreError, StoreUnavailable

from ..database.errors import discard, reason
from ..mysql.sessions import engine_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    Row = tuple[Any, ...]


class Ask(Protocol):
    """A function that runs a statement in a session, and returns its rows."""

    def __call__(self, statement: str, /, *parameters: object) -> list[Row]: ...


class SQLSession:
    """Raises StoreUnavailable where MySQL cannot be reached, StoreError where it refuses a statement."""

    def __init__(self, url: URL) -> None:
        self._engine = engine_of(url)
        self._connection: Connection | None = None
        self._take: Callable[[Ask], None] | None = None

    def ask(self, statement: str, *parameters: object) -> list[Row]:
        """All rows that a statement gives."""
        with self._as_store_errors():
            return _rows(self._connected(), statement, *parameters)

    def each(self, statement: str, *parameters: object) -> Iterator[Row]:
        """The rows that a statement gives, as they come. Read to the end before the next call."""
        with self._as_store_errors():
            connection = self._connected().execution_options(stream_results=True)
            yield from map(tuple, connection.exec_driver_sql(statement, parameters or None))

    def hold(self, take: Callable[[Ask], None]) -> None:
        """Take a lock from now on, which ends with the session: in this one, and in each that is made anew."""
        with self._as_store_errors():
            take(partial(_rows, self._connected()))
        self._take = take

    def close(self) -> None:
        """Disconnect, and let go of the lock."""
        self._take = None
        self._disconnect()

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                if self._take is not None:
                    self._take(partial(_rows, connection))
            except BaseException:
                discard(connection)
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        discard(connection)

    @contextlib.contextmanager
    def _as_store_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            broken = self._connection is None or not isinstance(error, DBAPIError) or error.connection_invalidated
            if not broken:
                raise StoreError(reason(error)) from error
            self._disconnect()
            raise StoreUnavailable(f"MySQL: {reason(error)}") from error


def _rows(connection: Connection, statement: str, /, *parameters: object) -> list[Row]:
    return [tuple(row) for row in connection.exec_driver_sql(statement, parameters or None)]
