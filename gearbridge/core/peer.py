"""One connection as the engine sees it: what it can do, what it holds, and the bytes on their way to it.

JOB_CREATED carries no request id: clients match replies to requests by order. So a reply that waits for a commit
holds everything behind it on this peer, and on no other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NoReturn

from gearbridge.traceparent import with_trace

from .pending_reply import PendingReply

if TYPE_CHECKING:
    from .function import Function
    from .jobs import Job
    from .wide_worker import WideWorker

#: Bytes of an answer behind which other connections have their turn, and this one's buffers are looked at.
LARGE_ANSWER = 64 * 1024


class Interrupted(Exception):
    """Raised by a handler when nothing more of what was read from its peer is to be handled now."""


class OthersTurn(Exception):
    """Raised by a handler whose packet is to be handled when others, who wait for it, have had their turn."""


#: Handles that are remembered of jobs taken from one peer; beyond that a tenth, the oldest, is forgotten.
MOST_TAKEN = 10_000


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
        "taken",
        "traceparent",
        "traces",
        "turn",
        "turns",
        "warned",
        "wide",
        "woken",
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
        self.warned = (b"", b"")  # the job that it last sent WORK_WARNING of, and the warning
        self.excepted = b""  # handle of the job it last ended with WORK_EXCEPTION
        self.closing = False  # to be closed once its outbox is flushed
        self.closed = False
        self.sleeping = False
        self.woken: Function | None = None  # a job of it woke this worker; set with --worker-wakeup, until it asks
        self.functions: dict[Function, int] = {}  # abilities, in CAN_DO order, each with its position
        self.turns: tuple[Function, ...] = ()  # the same, where it is no WideWorker
        self.wide: WideWorker | None = None  # set for one of many functions: see wide_worker.py
        self.turn = 0  # position of the function to serve next
        self.jobs: dict[bytes, Job] = {}  # those it runs, by handle
        self.taken: dict[bytes, None] = {}  # handles of jobs taken from it while it ran them, unreported; oldest first
        self.awaited: dict[bytes, Job] = {}  # foreground jobs whose result it waits for, by handle
        self.outbox: list[bytes] = []
        self.held: deque[bytes | PendingReply] = deque()
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
        """Return the stored reducer of the job that it submits now; the next one has its own trace, or none."""
        kept = with_trace(reducer, self.traceparent)
        self.traceparent = b""
        return kept

    def take_away(self, handle: bytes) -> None:
        """Take a job from this worker; reports about it are ignored until the one that ends it."""
        if self.jobs.pop(handle, None) is not None:
            self.taken[handle] = None
            if len(self.taken) > MOST_TAKEN:
                for oldest in list(self.taken)[: MOST_TAKEN // 10]:
                    del self.taken[oldest]

    def ends_taken(self, handle: bytes) -> bool:
        """Return whether a job of this handle was taken from this worker, which now reports its end, once."""
        if handle not in self.taken:
            return False
        del self.taken[handle]
        return True

    def is_idle(self) -> bool:
        """Return whether it runs no job, waits for none to end, and does not sleep until there is one."""
        return not (self.sleeping or self.jobs or self.awaited or self.held)

    def close(self) -> NoReturn:
        """Have the shell close this connection once everything queued before is flushed. Raises Interrupted."""
        self.closing = True
        self.send(b"")
        raise Interrupted

    def answer(self, data: bytes) -> None:
        """Send what may be much more than what asked for it. Raises Interrupted where it is."""
        self.send(data)
        if len(data) > LARGE_ANSWER:
            raise Interrupted

    def hold(self, ticket: PendingReply) -> None:
        """Promise a reply that is not known yet; everything sent later waits behind it."""
        self.held.append(ticket)
        ticket.peers.append(self)

    def release(self) -> None:
        """Move what no longer waits for a commit to the outbox."""
        held = self.held
        outbox = self.outbox
        while held:
            entry = held[0]
            if isinstance(entry, PendingReply):
                if entry.reply is None:
                    break
                entry = entry.reply
            held.popleft()
            outbox.append(entry)
        if outbox and not self.dirty:
            self.dirty = True
            self.dirty_peers.append(self)

    def waiting(self) -> int:
        """Return the number of bytes that wait to be sent, those that wait for a commit included."""
        return sum(map(len, self.outbox)) + sum(len(entry) for entry in self.held if isinstance(entry, bytes))

    def forget(self) -> None:
        """The connection is gone: let go of what was to be sent, and of the shell's side of it."""
        self.owner = None
        self.outbox.clear()
        self.held.clear()

    def take_outbox(self) -> bytes:
        """Return the bytes to write now; the peer is clean afterwards."""
        self.dirty = False
        outbox = self.outbox
        data = outbox[0] if len(outbox) == 1 else b"".join(outbox)
        outbox.clear()
        return data
