"""A watchdog over calls that do not return: a connection whose other end is gone may stay silent for ever.

Rules of this file:
1. A call is silent while no byte of its connection moves, in either direction. Its duration does not matter.
2. A silent call is queried over another connection. Where the database is busy with it, it is waited for.
3. Where the database has nothing to do for our session, and what is on its way does not come either, the session is
   ended there, and with it what it holds, and the connection is cut here: the call fails, and is made again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .traffic import PATIENCE, Call, traffic_of, unsent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

_log = logging.getLogger(__name__)

#: Seconds between two looks at the bytes of a call.
_LOOK = 0.375
#: The answer of a database about a session that sends to us.
SENDING = 2


class Session(NamedTuple):
    """One of our connections: its socket, what the database calls it, and which of several hosts that is."""

    descriptor: int
    number: int
    host: str


class Questions(NamedTuple):
    """The statements about a session, `{}` being its number: whether it is busy, and one to end it.

    Busy is 1 while the database works for it, SENDING while it sends to us, 0 while it waits for us, and nothing where
    there is no such session.
    """

    busy: str
    end: str


class Watchdog:
    """The watchdog over one connection, set by `connected` and `disconnected`.

    `connect` makes another one, `session_of` returns the session of a connection of the driver's, and `ask` queries one
    value over a connection: it waits for the answer for some seconds only.
    """

    def __init__(
        self,
        questions: Questions,
        connect: Callable[[], contextlib.AbstractContextManager[Connection]],
        session_of: Callable[[Any], Session],
        ask: Callable[[Connection, str], Any],
    ) -> None:
        self._questions = questions
        self._connect = connect
        self._session_of = session_of
        self._ask_for = ask
        self._session: Session | None = None
        self._socket: socket.socket | None = None  # a twin of the session's: its descriptor is shared with no one
        self._call: Call | None = None  # that runs
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def connected(self, raw: Any) -> None:
        """Watch over this connection of the driver's."""
        self._change(self._session_of(raw))

    def disconnected(self) -> None:
        """There is no connection to watch over."""
        self._change(None)

    def _change(self, session: Session | None) -> None:
        with self._lock:
            twin, self._socket = self._socket, None
            if twin is not None:
                twin.close()
            if session is not None:
                self._socket = socket.socket(fileno=os.dup(session.descriptor))
            self._session = session

    @contextlib.contextmanager
    def over(self) -> Iterator[None]:
        """Watch over the block."""
        self._call = self._begun()
        try:
            yield
        finally:
            self._call = None

    @contextlib.contextmanager
    def looking_away(self) -> Iterator[None]:
        """Do not watch in the block, in which a call has something else to do than to wait for our session."""
        call, self._call = self._call, None
        try:
            yield
        finally:
            self._call = None if call is None else self._begun()

    def close(self) -> None:
        """Watch no more."""
        self.disconnected()
        self._closed.set()

    def _begun(self) -> Call:
        twin = self._socket  # which only this thread replaces
        return Call(time.monotonic(), None if twin is None else traffic_of(twin))

    def _run(self) -> None:
        while not self._closed.wait(_LOOK):
            call, session = self._call, self._session
            if call is None or session is None or self._patience_left(call, session, None) > 0:
                continue
            try:
                self._ask(call, session)
            except Exception as error:  # whatever the driver raises: the database cannot be asked now
                _log.debug("the state of a silent connection cannot be read: %s", error)

    def _ask(self, call: Call, session: Session) -> None:
        with self._connect() as other:
            # Another host answers where ours does not, and knows nothing of our session. Its number there may be
            # somebody else's.
            if self._session_of(other.connection.dbapi_connection).host != session.host:
                why, end = "the database's host is silent, and another one answers; we go there", ""
                busy = None
            else:
                why, end = "the connection to the database is silent; it is made anew", self._questions.end
                busy = self._ask_for(other, self._questions.busy.format(session.number))
                busy = None if busy is None else int(busy)
                if busy not in {None, 0, SENDING}:
                    return
            # Once more: to ask took time, in which a busy machine or a slow line may have moved a byte.
            if self._patience_left(call, session, busy) > 0:
                return
            _log.warning(why)
            if end:
                with contextlib.suppress(Exception):  # it may have ended already
                    self._ask_for(other, end.format(session.number))
        self._cut(call, session)

    def _patience_left(self, call: Call, session: Session, busy: int | None) -> float:
        """Return the seconds that the call may go on without a byte, where the database is so busy with it."""
        with self._lock:
            if self._call is not call or self._session != session or self._socket is None:
                return PATIENCE
            now = time.monotonic()
            call.look(now, traffic_of(self._socket))
            patience = PATIENCE if busy is None else call.patience(unsent(self._socket), sending=busy == SENDING)
            return patience - call.silence(now)

    def _cut(self, call: Call, session: Session) -> None:
        with self._lock:  # while it is held the session stays this one
            if self._call is call and self._session == session and self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
