"""One socket: bytes into the parser and the engine, a peer's outbox out again. It knows no packet.

No task, await, clock or log call per packet; one look at the clock per read. What one read caused is one write for its
peer; for others what all reads of one round of the loop caused is one write (postponed.py).
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

from gearbridge.wire.parser import PacketParser

if TYPE_CHECKING:
    from gearbridge.core.engine import Engine
    from gearbridge.core.peer import Peer

    from .seldom import Seldom


class Shell(Protocol):
    """What a connection needs of the service it belongs to."""

    engine: Engine
    max_packet: int
    max_outbox: int
    flooded: Seldom

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more. Each that was admitted must be told of as lost in the end."""

    def opened(self, connection: Connection) -> None:
        """A connection was made."""

    def flush(self, source: Connection | None = None) -> None:
        """Send what the engine has to say; `source` is the connection that was just read from."""

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""


class Connection(asyncio.Protocol):
    """The asyncio side of one peer."""

    __slots__ = (
        "_paused_for",
        "_queue",
        "_receive",
        "feed",
        "heard",
        "parser",
        "peer",
        "quiet_since",
        "shell",
        "transport",
    )

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.parser = PacketParser(max_packet=shell.max_packet)
        self.feed = self.parser.feed
        self.heard = True  # something, since the sweeper last looked
        self.quiet_since = 0.0  # the sweeper's
        self._receive = shell.engine.receive
        self._queue = shell.engine.queue
        self.transport: asyncio.Transport
        self.peer: Peer
        self._paused_for: set[str] = set()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class
        if not self.shell.admit(self):
            self.transport.abort()
            return
        socket = transport.get_extra_info("socket")
        address = transport.get_extra_info("peername")
        self.peer = self.shell.engine.connect(
            self, socket.fileno() if socket is not None else 0, address[0] if address else "-"
        )
        self.shell.opened(self)

    def data_received(self, data: bytes) -> None:
        self.heard = True
        self._queue.now = monotonic()
        self._receive(self.peer, self.feed(data))
        self.shell.flush(self)

    def eof_received(self) -> bool:
        return False  # a Gearman peer that sends no more wants no more: close

    def connection_lost(self, exc: Exception | None) -> None:
        if not hasattr(self, "peer"):
            return  # it was not admitted
        self.shell.engine.disconnect(self.peer)
        self.shell.lost(self)
        self.shell.flush()

    def pause_writing(self) -> None:
        self.pause("outbox")  # who does not read what we answer may not ask for more

    def resume_writing(self) -> None:
        self.resume("outbox")

    # Called by the service.

    def write_outbox(self) -> None:
        """Write what waits for this peer, once."""
        peer = self.peer
        transport = self.transport
        data = peer.take_outbox()
        if data:
            transport.write(data)
            if "outbox" in self._paused_for and transport.get_write_buffer_size() > self.shell.max_outbox:
                self.shell.flooded.warn("dropped, because more waits for it than it reads: %s", peer.address)
                transport.abort()
                return
        if peer.closing:
            transport.close()

    @property
    def paused(self) -> bool:
        """Whether nothing is read from it at the moment."""
        return bool(self._paused_for)

    def pause(self, reason: str) -> None:
        """Read no more until this reason, and every other one, is gone."""
        if not self._paused_for and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused_for.add(reason)

    def resume(self, reason: str) -> None:
        """This reason not to read is gone."""
        if reason in self._paused_for:
            self._paused_for.discard(reason)
            if not self._paused_for and not self.transport.is_closing():
                self.transport.resume_reading()
