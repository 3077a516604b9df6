"""A store's connection to its database, through SQLAlchemy: the next call makes a broken one anew.

What drivers raise becomes StoreError here, and StoreUnavailable where the connection is what is wrong.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from gearbridge.errors import StoreError, StoreFull, StoreLocked, StoreUnavailable

from .errors import TAKEN, discard, is_full, is_locked, is_taken, reason
from .redaction import redacted
from .watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL

    from .watchdog import Questions, Session

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

#: Seconds for a database to come back that goes away while the server starts, and between two tries.
_BACK_WITHIN = 30.0
_PAUSE = 0.1


class ConnectedStore:
    """One connection at a time. `_opened`: the store is open, so that a new connection takes its place."""

    #: How to ask about our session, where the database is at the other end of a network.
    questions: ClassVar[Questions | None] = None

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._opened = False
        self._watch: Watchdog | None = None

    # What a database may do in its own way.

    def _create_engine(self, url: URL) -> Engine:
        return create_engine(url, poolclass=NullPool)

    def _take(self, connection: Connection) -> None:
        """Make sure that no other server keeps its jobs in this table; called when the store opens."""

    def _take_again(self, connection: Connection) -> None:
        """Do the same over a new connection of an open store."""
        with connection.begin():
            self._take(connection)

    def _session(self, raw: Any) -> Session:
        """Return the session of this connection of the driver's; needed where there are `questions`."""
        raise NotImplementedError

    def _ask(self, connection: Connection, query: str) -> Any:
        """The first value of a small query, None where it brings none; raises where the answer takes seconds."""
        result = connection.exec_driver_sql(query)
        return result.scalar() if result.returns_rows else None

    def _is_unavailable(self, error: Exception) -> bool:
        """Return whether the database, not this group, is at fault, though the connection lives."""
        return False

    # Inside.

    def _watched(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._watch is None else self._watch.over()

    def _connected(self) -> Connection:
        if self._engine is None:
            raise StoreError("the store is not open")
        if self._connection is not None and self._connection.invalidated:
            self._disconnect()  # SQLAlchemy would make a new one, without `_take` of its place
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
                if self._watch is not None:
                    self._watch.connected(self._connection.connection.dbapi_connection)
                if self._opened:
                    self._take_again(self._connection)
            except SQLAlchemyError as error:
                self._disconnect()
                raise StoreUnavailable(reason(error)) from error
            except StoreError:
                self._disconnect()
                raise
        return self._connection

    def _at_hand(self) -> Any:
        """The driver's connection; None where there is none to go on with."""
        connection = self._connection
        if connection is None or connection.invalidated:
            return None
        return connection.connection.dbapi_connection

    def _prepare(self) -> None:
        """Be ready to connect."""
        self._engine = self._create_engine(self._url)
        self._watch = self._new_watch()

    def _new_watch(self) -> Watchdog | None:
        """Make the watchdog of one of our connections, where the database is at the other end of a network."""
        assert self._engine is not None
        if self.questions is None:
            return None
        return Watchdog(self.questions, self._engine.connect, self._session, self._ask)

    def _dispose(self) -> None:
        """Disconnect, and connect no more."""
        self._disconnect()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _disconnect(self) -> None:
        if self._watch is not None:
            self._watch.disconnected()
        connection, self._connection = self._connection, None
        discard(connection)

    @contextlib.contextmanager
    def _as_store_errors(self) -> Iterator[None]:
        """Turn what drivers raise into StoreError, and a broken connection into StoreUnavailable."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            if not isinstance(error, SQLAlchemyError) and not self._is_driver_error(error):
                raise
            if self._is_broken(cause):
                self._disconnect()
                raise StoreUnavailable(reason(error)) from error
            if is_locked(cause):
                raise StoreLocked(reason(error)) from error
            if is_full(cause):
                raise StoreFull(reason(error)) from error
            raise StoreError(TAKEN if is_taken(cause) else reason(error)) from error

    def _outlasting(self, call: Callable[[], _T]) -> _T:
        """Make a call of the start, again where the database goes away in the middle of it, until it is back.

        That may take it _BACK_WITHIN seconds. One that is not there at the first try is not waited for.
        """
        deadline = None
        while True:
            try:
                return call()
            except (StoreUnavailable, DBAPIError) as error:
                if deadline is None:
                    if not self._went_away(error):
                        raise
                    deadline = time.monotonic() + _BACK_WITHIN
                    _log.warning("the connection to the database was lost, retrying: %s", reason(error))
                elif time.monotonic() >= deadline or not (
                    isinstance(error, StoreUnavailable) or self._went_away(error)
                ):
                    raise
            self._disconnect()
            time.sleep(_PAUSE)

    def _went_away(self, error: Exception) -> bool:
        """Return whether a connection ended that had been made, or that the database had begun to make."""
        cause: Any = error.__cause__ if isinstance(error, StoreUnavailable) else error
        if isinstance(error, StoreUnavailable) and cause is not None and self._is_driver_error(cause):
            return True  # of a call to the driver itself
        if not isinstance(cause, DBAPIError) or self._engine is None:
            return False
        return cause.connection_invalidated or self._engine.dialect.is_disconnect(cause.orig, None, None)  # type: ignore[arg-type]

    def _is_driver_error(self, error: Exception) -> bool:
        return self._engine is not None and isinstance(error, self._engine.dialect.loaded_dbapi.Error)

    def _is_broken(self, cause: Any) -> bool:
        assert self._engine is not None
        if self._connection is not None and self._connection.invalidated:
            return True  # SQLAlchemy saw it first, in a claim; to ask for the driver's connection would make a new one
        raw = self._connection.connection.dbapi_connection if self._connection is not None else None
        return self._engine.dialect.is_disconnect(cause, raw, None) or self._is_unavailable(cause)

    def _shown_url(self) -> str:
        return redacted(self._url)
