"""HTTP connections: counted with all others, given up where a request does not come, the oldest idle one first.

A connection that has sent no whole request is idle, whatever it has sent. So idle ones never keep a health check out.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gearbridge.process.rate_limited_log import RateLimitedLog

if TYPE_CHECKING:
    import asyncio

    from gearbridge.server.connection_limit import ConnectionLimit

#: Connections that may be open at once.
MOST_CONNECTIONS = 512
#: Seconds in which the head of a request has to come, and in which its body has to go on.
REQUEST_TIMEOUT = 10.0

#: Bytes of a head from which on h11 sees it, and refuses it.
_MOST_HEAD = 65_536
#: The end of a head.
_HEAD_END = re.compile(rb"\r?\n\r?\n")

_log = logging.getLogger(__name__)


class Visitors:
    """The connections of one listener. They are counted at `door`, too, where there is one."""

    def __init__(self, door: ConnectionLimit | None) -> None:
        self._door = door
        self._inside: dict[Visitor, None] = {}
        self._idle: dict[Visitor, None] = {}  # of which those without a whole request, the oldest first
        self._refused = RateLimitedLog(_log)

    def admit(self, visitor: Visitor) -> bool:
        """Return whether this connection may stay; for its sake the oldest idle one may be closed."""
        if len(self._inside) >= MOST_CONNECTIONS:
            self._make_room()
        if len(self._inside) >= MOST_CONNECTIONS or not self._admitted(visitor):
            self._refused.warn("HTTP connections are refused: %d connections are open", len(self._inside))
            return False
        self._inside[visitor] = None
        self._idle[visitor] = None
        return True

    def leave(self, visitor: Visitor) -> None:
        """This connection is gone, or about to be."""
        self._inside.pop(visitor, None)
        self._idle.pop(visitor, None)
        if self._door is not None:
            self._door.leave(visitor)

    def note(self, visitor: Visitor, *, idle: bool) -> None:
        """Record whether this connection has sent no whole request."""
        if not idle:
            self._idle.pop(visitor, None)
        elif visitor in self._inside:
            self._idle.setdefault(visitor, None)

    def _admitted(self, visitor: Visitor) -> bool:
        if self._door is None or self._door.admit(visitor):
            return True
        self._make_room()
        return self._door.admit(visitor)

    def _make_room(self) -> None:
        oldest = next(iter(self._idle), None)
        if oldest is not None:
            self.leave(oldest)
            oldest.transport.abort()


class Visitor(H11Protocol):
    """One HTTP connection."""

    def __init__(self, visitors: Visitors, **options: Any) -> None:
        super().__init__(**options)
        self._visitors = visitors
        self._admitted = False
        self._deadline: asyncio.TimerHandle | None = None
        self._head = b""  # what has come of one
        connection: Any = self.conn
        self._send = connection.send
        connection.send = self._send_in_their_version

    # Called by asyncio.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        self.transport = transport
        self._admitted = self._visitors.admit(self)
        if not self._admitted:
            transport.abort()
            return
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        if self._head or (self.conn.their_state is h11.IDLE and data[:1].isalpha()):
            data = self._head + data
            end = _HEAD_END.search(data)
            if end is None and len(data) < _MOST_HEAD:
                self._head = data
                return
            self._head = b""
            if end is not None:
                data = _without_quoted_names(data[: end.end()]) + data[end.end() :]
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._visitors.leave(self)
        if self._admitted:
            super().connection_lost(exc)

    # Called by uvicorn.

    def _send_in_their_version(self, event: Any) -> bytes | None:
        """Answer HTTP/1.0 as HTTP/1.0, as gearmand does; h11 answers every request as HTTP/1.1."""
        data: bytes | None = self._send(event)
        if data is not None and self.conn.their_http_version == b"1.0" and data.startswith(b"HTTP/1.1 "):
            return b"HTTP/1.0 " + data[9:]
        return data

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Check whether a request is whole, or its body goes on, or nothing of one is there."""
        cycle: Any = self.cycle
        has_head = cycle is not None and not cycle.response_complete
        self._visitors.note(self, idle=not has_head or cycle.more_body)
        if has_head and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if not has_head or cycle.more_body:
            self._await_request()

    def _await_request(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.abort()


def _without_quoted_names(head: bytes) -> bytes:
    """Remove the header lines whose name contains a quote, which h11 refuses.

    gearmand ignores headers that it does not know, and its own test programs send such headers.
    """
    if b'"' not in head:
        return head
    first, *lines = head.splitlines(keepends=True)
    return b"".join([first, *(line for line in lines if b'"' not in line.partition(b":")[0])])
