"""One socket: bytes into the parser and the engine, a peer's outbox out again. It knows no packet.

No task, await, clock or log call per packet; one look at the clock per read, and per PART of a long one. What one read
caused is one write for its peer; for others what all reads of one round of the loop caused is one write (postponed.py).
What it holds is looked at only when a packet comes in pieces, or when more waits than the socket takes (budget.py,
backpressure.py). A read may bring thousands of packets: those that take longer than TURN are handled in turn with other
connections (turns.py).
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

from gearbridge.core.peer import LARGE_ANSWER
from gearbridge.wire.parser import PacketParser

from .closing import closes_when_read, drop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gearbridge.core.engine import Engine
    from gearbridge.core.peer import Peer
    from gearbridge.wire.parser import Packet

    from .backpressure import Backpressure
    from .budget import Budget
    from .turns import Turns

#: Bytes that wait for a peer before it gets another large answer; where --max-outbox is small, a part of that.
MOST_ANSWERED = 8 * 1024 * 1024
#: Bytes that are parsed and handled between two looks at the clock.
PART = 16 * 1024
#: Seconds for which one connection is served before others have their turn.
TURN = 0.002


class Shell(Protocol):
    """The part of the service that its connections use."""

    engine: Engine
    max_packet: int
    max_outbox: int
    backpressure: Backpressure
    budget: Budget
    turns: Turns

    def admit(self, connection: Connection) -> bool:
        """Return whether there is room for one more. Each that was admitted must be reported as lost in the end."""

    def opened(self, connection: Connection) -> None:
        """A connection was made."""

    def flush(self, source: Connection | None = None) -> None:
        """Send what the engine has queued; `source` is the connection that was just read from."""

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""


class Connection(asyncio.Protocol):
    """The asyncio side of one peer."""

    __slots__ = (
        "_answering",
        "_ended",
        "_left",
        "_paused_for",
        "_receive",
        "behind",
        "feed",
        "heard",
        "parser",
        "peer",
        "queued",
        "quiet_since",
        "shell",
        "taken",
        "taken_at",
        "transport",
    )

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.parser = PacketParser(max_packet=shell.max_packet, most=PART)
        self.feed: Callable[[bytes], list[Packet]] = self.parser.feed
        self.heard = True  # something, since the sweeper last looked
        self.quiet_since = 0.0  # the sweeper's
        self.behind = False  # more waits for it than its socket takes
        self.queued = 0  # bytes written since it fell behind
        self.taken = 0  # of which it had read when the sweeper last looked
        self.taken_at = 0.0  # when that was found to be more than before
        self._ended = False  # everything is written, and it is about to be closed
        self._left: Iterator[Packet] | None = None  # what it sent behind what was handled in its last turn
        self._answering = False  # that was an answer at length
        self._receive = shell.engine.receive
        self.transport: asyncio.Transport
        self.peer: Peer
        self._paused_for: set[object] = set()

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
        packets = self.feed(data)
        if not packets:  # a part of one
            self.shell.budget.grow(len(data))
            return
        now = monotonic()
        left = self._receive(self.peer, packets, now)
        if left is not None or self.parser.more:
            self._handle_more(left, now + (0.0 if self.shell.turns else TURN))
        self.shell.flush(self)

    def eof_received(self) -> bool:
        return False  # a Gearman peer that sends no more wants no more: close

    def connection_lost(self, exc: Exception | None) -> None:
        if not hasattr(self, "peer"):
            return  # it was not admitted
        shell = self.shell
        if self._left is not None and not self._answering:
            self._handle_rest(self._left)
        shell.budget.leave(self)
        shell.backpressure.caught_up(self)
        shell.engine.disconnect(self.peer)
        shell.lost(self)
        shell.flush()
        # What refers to itself would stay until the garbage collector looks for it, which it does seldom.
        self._stop_listening()
        self.peer.forget()

    def pause_writing(self) -> None:
        self.behind = True
        self.queued = self.transport.get_write_buffer_size()
        self.taken = 0
        self.taken_at = monotonic()
        self.shell.backpressure.fell_behind(self)
        self.shell.budget.grow(self.queued)

    def resume_writing(self) -> None:
        self.behind = False
        self.queued = 0
        self.shell.backpressure.caught_up(self)
        self.resume("outbox")
        if self._left is not None:
            self.shell.turns.add(self)

    # Called by the service.

    def write_outbox(self) -> None:
        """Write what waits for this peer, once."""
        peer = self.peer
        data = peer.take_outbox()
        if peer.closing:
            self._write_last(data)
        elif data:
            self.transport.write(data)
            if self.behind:
                self._write_more(len(data))
            elif self._left is not None:
                self.shell.turns.add(self)

    def go_on(self) -> None:
        """Handle what is left of what was read, unless there is a reason not to read, or much waits for this peer."""
        left = self._left
        if left is None or self.transport.is_closing() or len(self._paused_for) > 1:
            return
        if self._answering and self.held() > min(MOST_ANSWERED, self.shell.max_outbox // 2):
            return  # it goes on when that is written
        self._left = None
        now = monotonic()
        left = self._receive(self.peer, left, now)
        if left is None and not self.parser.more:
            self.resume("turn")
        else:
            self._handle_more(left, now + TURN)
        self.shell.flush(self)

    def held(self) -> int:
        """Return the bytes in memory of what it has begun to send, and of what waits for it."""
        peer = self.peer
        held = self.parser.gathered
        if self.behind:
            held += self._unwritten()
        if peer.held or peer.outbox:
            held += peer.waiting()
        return held

    def read_so_far(self) -> int:
        """Return the bytes it has read since it fell behind."""
        return self.queued - self._unwritten()

    def drop(self) -> None:
        """Close it at once, and forget what it has begun to send."""
        self._stop_listening()
        self.transport.abort()

    @property
    def paused(self) -> bool:
        """Return whether nothing is read from it at the moment."""
        return bool(self._paused_for)

    def pause(self, reason: object) -> None:
        """Read no more until this reason, and every other one, is gone."""
        if not self._paused_for and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused_for.add(reason)

    def resume(self, reason: object) -> None:
        """This reason not to read is gone."""
        if reason in self._paused_for:
            self._paused_for.discard(reason)
            if self._left is not None:
                self.shell.turns.add(self)
            elif not self._paused_for and not self.transport.is_closing():
                self.transport.resume_reading()

    def _handle_more(self, left: Iterator[Packet] | None, end: float) -> None:
        """Go on with what was read until that moment, or until an answer at length interrupts it."""
        parser = self.parser
        while left is None and parser.more:
            packets = self.feed(b"")
            now = monotonic()
            if now >= end:
                self._go_on_later(iter(packets), answering=False)
                return
            left = self._receive(self.peer, packets, now)
        if left is None:
            self.resume("turn")
        else:
            self._go_on_later(left, answering=True)

    def _handle_rest(self, left: Iterator[Packet]) -> None:
        """Handle what a peer that is gone had sent before; its answers are not sent."""
        now = monotonic()
        self._receive(self.peer, left, now)
        while self.parser.more:
            self._receive(self.peer, self.feed(b""), now)

    def _go_on_later(self, left: Iterator[Packet], *, answering: bool) -> None:
        self._left = left
        self._answering = answering
        self.shell.budget.grow(self.parser.gathered)
        self.pause("turn")
        self.shell.turns.add(self)
        if self.peer.held:
            self.shell.budget.grow(LARGE_ANSWER)

    def _write_more(self, size: int) -> None:
        self.queued += size
        self.shell.budget.grow(size)
        if self.transport.get_write_buffer_size() > self.shell.max_outbox:
            self.pause("outbox")  # a peer that reads nothing of what we answer may not ask for more

    def _unwritten(self) -> int:
        try:
            return self.transport.get_write_buffer_size()
        except RuntimeError:  # uvloop's, where it is closed already
            return 0

    def _write_last(self, data: bytes) -> None:
        """Write, and close once everything is written and what the peer still sends is read: unread bytes would make
        the system throw away what the peer has not read yet of our last answer.
        """
        transport = self.transport
        if self._ended or transport.is_closing():
            return
        transport.write(data)
        if self.peer.held:
            return
        self._ended = True
        self._stop_listening()
        if closes_when_read(transport):
            for reason in [*self._paused_for]:
                self.resume(reason)

    def _stop_listening(self) -> None:
        self._left = None
        self.parser = PacketParser()
        self.feed = drop
