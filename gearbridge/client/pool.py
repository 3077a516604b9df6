"""A client's connections to its servers: the open ones, and the one that jobs go to. It knows nothing of requests.

Rules of this file:
1. Jobs go to the server that `server_order` names, and stay with it as long as it answers.
2. An idle connection is checked before it is used: a server that was restarted meanwhile causes no error.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from .connection import Address, Connection
from .server_order import ServerOrder
from .session import ClientSession

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence


class PooledConnection:
    """A connection with the conversation on it. `talking` while a call is at it."""

    __slots__ = ("connection", "session", "talking")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.session = ClientSession()
        self.talking = False

    def usable(self) -> bool:
        """Read what arrived since the last call, and return whether the connection is still open."""
        if self.session.busy:
            return False  # Ctrl-C came between encoding a request and sending it
        while True:
            octets = self.connection.receive_waiting()
            if octets is None:
                return True
            if not octets:
                return False
            try:
                self.session.receive(octets)  # late news of a cancelled job
            except ProtocolError:
                return False


class ConnectionPool:
    """The connections to the servers at `addresses`. `timeout` is each connect's, in seconds.

    `on_connect` is called before each connect, and may change `timeout`.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        timeout: float,
        on_wait: Callable[[], None] | None,
        on_connect: Callable[[], None] | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.timeout = timeout
        self._tls = tls
        self._on_wait = on_wait
        self._on_connect = on_connect
        self._current: PooledConnection | None = None
        self._open: dict[Address, PooledConnection] = {}
        self._choice = ServerOrder(addresses)
        self._process = os.getpid()

    def current(self) -> PooledConnection:
        """Return the link that jobs go through. Raises ServersUnreachable, naming each server and why."""
        if self._process != os.getpid():
            # After a fork parent and child would read each other's replies.
            self.close()
            self._process = os.getpid()
        link = self._current
        if link is not None:
            if link.talking:
                raise RuntimeError(
                    "this Client is busy with another call; a callback or thread needs a Client of its own"
                )
            if link.usable():
                return link
            self.drop(link)
        self._current = self._first()
        return self._current

    def others(self) -> Iterator[PooledConnection]:
        """Open the links to the servers that jobs do not go to now, one after the other; dead ones are left out."""
        current = self._current
        for address in self._choice.addresses:
            if current is not None and address == current.connection.address:
                continue
            if address in self._open or not self._choice.resting(address, monotonic()):
                link = self._reach(address)
                if link is not None:
                    yield link

    def drop(self, link: PooledConnection, reason: str = "") -> None:
        """Close a link. With a `reason` its server counts as dead for a while."""
        address = link.connection.address
        link.connection.close()
        if self._open.get(address) is link:
            del self._open[address]
        if self._current is link:
            self._current = None
        if reason:
            self._choice.failed(address, monotonic(), reason)

    def close(self) -> None:
        """Close all links."""
        for link in list(self._open.values()):
            self.drop(link)

    def _first(self) -> PooledConnection:
        for address in self._choice.order(monotonic()):
            link = self._reach(address)
            if link is not None:
                return link
        raise self._choice.unreachable()

    def _reach(self, address: Address) -> PooledConnection | None:
        """Return the link to this server, kept or new; None, and the reason noted, where it cannot be reached."""
        link = self._open.get(address)
        if link is not None:
            if link.usable():
                return link
            self.drop(link)
        if self._on_connect is not None:
            self._on_connect()
        try:
            link = PooledConnection(Connection(address, self.timeout, self._on_wait, self._tls))
        except OSError as error:
            self._choice.failed(address, monotonic(), error.strerror or str(error))
            return None
        self._choice.reached(address)
        self._open[address] = link
        return link
