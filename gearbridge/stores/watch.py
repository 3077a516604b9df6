"""Watches over calls that do not return: a connection whose other end is gone may say nothing for ever.

A call that takes long is asked about over another connection. Where the database is busy with it, it is waited for;
where the database has nothing to do for our session, the session is ended there, and with it what it holds, and the
connection is cut here, so that the call fails and is made again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

_log = logging.getLogger(__name__)

#: Seconds after which a call is asked about, and between two questions.
PATIENCE = 1.5


class Session(NamedTuple):
    """One of our connections: its socket, what the database calls it, and which of several hosts that is."""

    descriptor: int
    number: int
    host: str


class Questions(NamedTuple):
    """What to ask of a session, `{}` being its number: how often it is busy (0 or 1), and that it end."""

    busy: str
    end: str


class Watch:
    """Watches over one connection, which `connected` tells.

    `connect` makes another one, and `session_of` says which session a connection of the driver's is.
    """

    def __init__(
        self,
        questions: Questions,
        connect: Callable[[], contextlib.AbstractContextManager[Connection]],
        session_of: Callable[[Any], Session],
    ) -> None:
        self._questions = questions
        self._connect = connect
        self._session_of = session_of
        self._session: Session | None = None
        self._since: float | None = None  # when the call that runs began
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def connected(self, session: Session | None) -> None:
        """The connection to watch over; None while there is none."""
        with self._lock:
            self._session = session

    @contextlib.contextmanager
    def over(self) -> Iterator[None]:
        """Watch over the block."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    @contextlib.contextmanager
    def looking_away(self) -> Iterator[None]:
        """Do not watch in the block, in which a call has something else to do than to wait for our session."""
        since, self._since = self._since, None
        try:
            yield
        finally:
            self._since = None if since is None else time.monotonic()

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(PATIENCE / 4):
            since, session = self._since, self._session
            if since is None or session is None or time.monotonic() - since < PATIENCE:
                continue
            try:
                with self._connect() as other:
                    # Another host answers where ours does not, and knows nothing of our session. Its number there may
                    # be somebody else's.
                    if self._session_of(other.connection.dbapi_connection).host != session.host:
                        _log.warning("the database's host is silent, and another one answers; we go there")
                        self._cut(since, session)
                        continue
                    if other.exec_driver_sql(self._questions.busy.format(session.number)).scalar():
                        continue
                    _log.warning("the connection to the database is silent; it is made anew")
                    with contextlib.suppress(Exception):  # it may have ended already
                        other.exec_driver_sql(self._questions.end.format(session.number))
            except Exception as error:  # whatever the driver raises: the database cannot be asked now
                _log.debug("the database cannot be asked about a call that takes long: %s", error)
                continue
            self._cut(since, session)

    def _cut(self, since: float, session: Session) -> None:
        with self._lock:  # while it is held the descriptor stays this connection's
            if self._since == since and self._session == session:
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(session.descriptor)) as twin:
                    twin.shutdown(socket.SHUT_RDWR)
