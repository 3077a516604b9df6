"""One connection as the engine sees it: what it can do, what it holds, and the bytes on their way to it.

JOB_CREATED carries no request id: clients match replies to requests by order. So a reply that waits for a commit
holds everything behind it on this peer, and on no other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gearbridge.traces import with_trace

from .journal import Ticket

if TYPE_CHECKING:
    from .jobs import Function, Job


class Peer:
    """A client, a worker, an admin tool: any connection may be all three.

    `dirty_peers` is the engine's list of peers with something to send; `owner` is whatever the shell wants to find
    again when it flushes (the engine never looks at it).
    """

    __slots__ = (
        "address",
        "awaited",
        "client_id",
        "closed",
        "closing",
        "dirty",
        "dirty_peers",
        "excepted",
        "exceptions",
        "functions",
        "held",
        "jobs",
        "number",
        "once",
        "outbox",
        "owner",
        "sleeping",
        "traceparent",
        "traces",
        "turn",
    )

    def __init__(self, dirty_peers: list[Peer], owner: object = None, number: int = 0, address: str = "") -> None:
        self.owner = owner
        self.number = number  # the file descriptor, as `workers` lists it
        self.address = address
        self.client_id = b"-"
        self.once = False  # a job that it submitted before, and that is done, is not to be done again
        self.traceparent = b""  # of the next job that it submits
        self.traces = False  # wants to know the traceparent of a job that it is given
        self.exceptions = False  # wants WORK_EXCEPTION, not a WORK_FAIL made from it
        self.excepted = b""  # handle of the job it last ended with WORK_EXCEPTION
        self.closing = False  # to be closed once its outbox is flushed
        self.closed = False
        self.sleeping = False
        self.functions: list[Function] = []  # abilities, in CAN_DO order
        self.turn = 0  # index in `functions` of the one to serve next
        self.jobs: dict[bytes, Job] = {}  # those it runs, by handle
        self.awaited: dict[bytes, Job] = {}  # foreground jobs whose result it waits for, by handle
        self.outbox: list[bytes] = []
        self.held: deque[bytes | Ticket] = deque()
        self.dirty = False  # on that list, or gone
        self.dirty_peers = dirty_peers

    def send(self, data: bytes) -> None:
        """Queue bytes for this peer, behind what is held."""
        if self.held:
            self.held.append(data)
            return
        self.outbox.append(data)
        if not self.dirty:
            self.dirty = True
            self.dirty_peers.append(self)

    def take_trace(self, reducer: bytes = b"") -> bytes:
        """What is kept as the reducer of the job that it submits now; the next one has its own trace, or none."""
        kept = with_trace(reducer, self.traceparent)
        self.traceparent = b""
        return kept

    def is_idle(self) -> bool:
        """Whether it runs no job, waits for none to end, and does not sleep until there is one."""
        return not (self.sleeping or self.jobs or self.awaited or self.held)

    def close(self) -> None:
        """Have the shell close this connection once everything queued before is flushed."""
        self.closing = True
        self.send(b"")

    def hold(self, ticket: Ticket) -> None:
        """Promise a reply that is not known yet; everything sent later waits behind it."""
        self.held.append(ticket)
        ticket.peers.append(self)

    def release(self) -> None:
        """Move what no longer waits for a commit to the outbox."""
        held = self.held
        outbox = self.outbox
        while held:
            entry = held[0]
            if isinstance(entry, Ticket):
                if entry.reply is None:
                    break
                entry = entry.reply
            held.popleft()
            outbox.append(entry)
        if outbox and not self.dirty:
            self.dirty = True
            self.dirty_peers.append(self)

    def take_outbox(self) -> bytes:
        """What is to be written now; the peer is clean afterwards."""
        self.dirty = False
        outbox = self.outbox
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        return data
