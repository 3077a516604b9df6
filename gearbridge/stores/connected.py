"""A store's connection to its database, through SQLAlchemy: the next call makes a broken one anew.

What drivers raise becomes StoreError here, and StoreUnavailable where the connection is what is wrong.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from gearbridge.errors import StoreError, StoreUnavailable

from .broken import discard, reason
from .hosts import shown_url
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from .watch import Questions, Session


class ConnectedStore:
    """One connection at a time. `_opened` says that the store is open, so that a new connection takes its place."""

    #: How to ask about our session, where the database is at the other end of a network.
    questions: ClassVar[Questions | None] = None

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._opened = False
        self._watch: Watch | None = None

    # What a database may do in its own way.

    def _create_engine(self, url: URL) -> Engine:
        return create_engine(url, poolclass=NullPool)

    def _take(self, connection: Connection) -> None:
        """Make sure that no other server keeps its jobs in this table; called for every new connection."""

    def _session(self, raw: Any) -> Session:
        """Which session this connection of the driver's is; asked for where there are `questions`."""
        raise NotImplementedError

    def _is_unavailable(self, error: Exception) -> bool:
        """Whether the database, not this group, is what is wrong, though the connection lives."""
        return False

    # Inside.

    def _watched(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._watch is None else self._watch.over()

    def _connected(self) -> Connection:
        if self._engine is None:
            raise StoreError("the store is not open")
        if self._connection is not None and self._connection.invalidated:
            self._disconnect()  # SQLAlchemy would make a new one, but nobody would `_take` its place
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
                if self._watch is not None:
                    self._watch.connected(self._session(self._connection.connection.dbapi_connection))
                if self._opened:
                    with self._connection.begin():
                        self._take(self._connection)
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
        if self.questions is not None:
            self._watch = Watch(self.questions, self._engine.connect, self._session)

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
            self._watch.connected(None)
        connection, self._connection = self._connection, None
        discard(connection)

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
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
            raise StoreError(reason(error)) from error

    def _is_driver_error(self, error: Exception) -> bool:
        return self._engine is not None and isinstance(error, self._engine.dialect.loaded_dbapi.Error)

    def _is_broken(self, cause: Any) -> bool:
        assert self._engine is not None
        if self._connection is not None and self._connection.invalidated:
            return True  # SQLAlchemy saw it first, in a claim; to ask for the driver's connection would make a new one
        raw = self._connection.connection.dbapi_connection if self._connection is not None else None
        return self._engine.dialect.is_disconnect(cause, raw, None) or self._is_unavailable(cause)

    def _shown_url(self) -> str:
        return shown_url(self._url)
