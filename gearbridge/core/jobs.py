"""A job and a function as the queue sees them, and the states a job goes through.

    STORING ──durable──► QUEUED ──taken──► RUNNING ──finished──► GONE
     │ │                 │ ▲                  │
     │ └────withheld─────┘ └───worker lost────┘     (any state may go to GONE: cancelled, abandoned)
     └──refused, or put beyond the window──► GONE

A background job is STORING, and invisible to workers, until its store says that it is durable; and again when a server
that is about to end leaves it to the next one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gearbridge.records import Done, Drop, Failed, Retry, StoredJob
from gearbridge.wire.parser import MAX_PACKET

if TYPE_CHECKING:
    from gearbridge.records import ClaimedJob, Operation

    from .journal import Ticket
    from .pace import Pace
    from .peer import Peer
    from .timing import Timing

#: Bytes of a result to be kept that may come as WORK_DATA, which are held in memory until the job ends.
MAX_RESULT = MAX_PACKET

#: The line of jobs that are due later, behind those by priority.
_LATER = 3

STORING = 0
QUEUED = 1
RUNNING = 2
GONE = 3

#: What may follow each state; the queue's methods are the only ones that move a job along it.
TRANSITIONS: dict[int, frozenset[int]] = {
    STORING: frozenset({QUEUED, GONE}),
    QUEUED: frozenset({STORING, RUNNING, GONE}),
    RUNNING: frozenset({QUEUED, GONE}),
    GONE: frozenset(),
}


def line_of(priority: int, due: int) -> int:
    """In which of its function's lines a job waits beyond the window: by its priority, or in the last one."""
    return _LATER if due else priority


class Job(StoredJob):
    """What is stored of a job, and what is only remembered while this process runs."""

    __slots__ = ("background", "clients", "denominator", "numerator", "since", "state", "ticket", "worker")

    since: float  # when a worker could have it first, on the shell's clock; set with QUEUED
    claimed = False  # True: its row waits in the table for whoever claims it, and this server has
    beyond = False  # True: it is on its way to the table, to wait there
    line = 0  # where it waits beyond the window, or will: see `line_of`
    in_line = False  # True: it waited in the table, and those that come after it do

    def __init__(
        self,
        handle: bytes,
        function: bytes,
        payload: bytes,
        unique_key: bytes = b"",
        priority: int = 1,
        due: int = 0,
        attempts: int = 0,
        reducer: bytes = b"",
    ) -> None:
        # Written out, not super().__init__(): this runs once per submitted job.
        self.handle = handle
        self.function = function
        self.payload = payload
        self.unique_key = unique_key
        self.priority = priority
        self.due = due
        self.attempts = attempts
        self.reducer = reducer
        self.background = False  # True: lives on without clients, and is stored where the store is durable
        self.clients: list[Peer] | None = None  # foreground clients waiting for it; None until there is one
        self.denominator = 0
        self.numerator = 0
        self.state = QUEUED
        self.ticket: Ticket | None = None  # the reply that waits for its commit, while there is one
        self.worker: Peer | None = None  # who runs it; set exactly in RUNNING

    def progress(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Known, running, numerator and denominator, as STATUS_RES wants them."""
        return b"1", b"1" if self.state == RUNNING else b"0", b"%d" % self.numerator, b"%d" % self.denominator


class BeyondJob(Job):
    """A job that goes to the table, to wait there: in memory it is only until that is done."""

    __slots__ = ("line",)
    line: int
    beyond = True


class ReturnedJob(Job):
    """A job that waited beyond the window, and that this server has claimed."""

    __slots__ = ("in_line",)
    claimed = True


class EnqueuedJob(Job):
    """A job that SQL enqueued and this server has claimed.

    Its row outlives its failure, and its success where that was asked for.
    """

    __slots__ = ("_chunks", "_size", "keep_result", "max_attempts")
    claimed = True

    def __init__(self, claimed: ClaimedJob, function: bytes) -> None:
        super().__init__(
            claimed.handle,
            function,
            claimed.payload,
            claimed.unique_key,
            claimed.priority,
            claimed.due,
            claimed.attempts,
            claimed.reducer,
        )
        self.background = True
        self.max_attempts = claimed.max_attempts
        self.keep_result = claimed.keep_result
        self.begin_result()

    def begin_result(self) -> None:
        """An attempt begins, and with it its result."""
        self._chunks: list[bytes] = []
        self._size = 0

    def add_data(self, data: bytes) -> None:
        """WORK_DATA has brought a part of the result. What gets too large is held no longer, only counted."""
        if self.keep_result:
            self._size += len(data)
            self._chunks.append(data)
            if self._size > MAX_RESULT:
                self._chunks.clear()

    def completed(self, result: bytes) -> Operation:
        """What its end means for the table."""
        if not self.keep_result:
            return Drop(self.handle)
        if self._size > MAX_RESULT:
            why = f"the result of {self._size + len(result)} bytes is over {MAX_RESULT}, which is what can be kept"
            return Failed(self.handle, self.attempts + 1, why)
        return Done(self.handle, b"".join((*self._chunks, result)))

    def failed(self, error: str) -> Operation:
        """What this attempt's failure means for the table."""
        attempts = self.attempts + 1
        if attempts < self.max_attempts:
            return Retry(self.handle, attempts, error)
        return Failed(self.handle, attempts, error)


#: What GET_STATUS answers for a handle that names no job: finished and unknown look the same in Gearman.
UNKNOWN_PROGRESS = (b"0", b"0", b"0", b"0")


class Function:
    """One function's jobs that wait, who could do them, and what became of its jobs so far.

    Nobody counts what was done, so that it costs nothing: it is what came, less all else. See `completed`.
    """

    __slots__ = (
        "abandoned",
        "added",
        "beyond",
        "cancelled",
        "claimed",
        "failed",
        "ghosts",
        "limits",
        "lost",
        "moved",
        "name",
        "pace",
        "put_back",
        "ready",
        "restored",
        "returned",
        "running",
        "sample_at",
        "sleepers",
        "timing",
        "total",
        "uniques",
        "workers",
    )

    #: What `count_in` adds up.
    COUNTS = ("added", "moved", "restored", "failed", "lost", "put_back", "cancelled", "abandoned")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.ready: tuple[deque[Job], deque[Job], deque[Job]] = (deque(), deque(), deque())  # by priority
        self.ghosts = [0, 0, 0]  # how many in `ready` are QUEUED no more: removed when they reach the head
        self.uniques: dict[object, Job] = {}  # unfinished jobs by coalescing key
        self.total = 0  # jobs that are not finished, here or beyond the window
        self.running = 0
        self.claimed = [0, 0, 0]  # jobs in memory that were claimed from the table, by priority
        self.beyond = [0, 0, 0, 0]  # jobs that wait in the table and came over a socket: by priority, or due later
        self.returned = [0, 0, 0]  # jobs in memory that are `in_line`, by priority
        self.limits = [0, 0, 0]  # maxqueue by priority; 0 is unlimited
        self.workers: dict[Peer, int] = {}  # registered, with their timeout in milliseconds (0: none)
        self.sleepers: dict[Peer, None] = {}  # those of them asleep, in the order they fell asleep
        self.added = 0  # jobs that ever came, from wherever
        self.moved = 0  # jobs that other nodes put into the table, less those that they took
        self.restored = 0  # of which from the store, at the start
        self.failed = 0  # ended with a failure, for good
        self.lost = 0  # times that a job came back because its worker was lost or took too long
        self.put_back = 0  # failed attempts of jobs that SQL enqueued, whose rows will be claimed again
        self.cancelled = 0
        self.abandoned = 0  # nobody waited for them any more, or the store refused them
        self.pace: Pace | None = None  # where the table is shared with other nodes
        self.timing: Timing | None = None  # from the first sample on
        self.sample_at = 0  # the next sample is the job that comes when so many have come

    @property
    def completed(self) -> int:
        """How many jobs were done with success."""
        return self.added + self.moved - self.total - self.failed - self.put_back - self.cancelled - self.abandoned

    def count_in(self, other: Function) -> None:
        """Add another function's counts to this one's."""
        for name in self.COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def oldest(self) -> float | None:
        """Since when the job has waited that has waited longest, on the shell's clock; None when none waits."""
        firsts = [job.since for priority in (0, 1, 2) if (job := self.first(priority)) is not None]
        return min(firsts, default=None)

    def queued(self, priority: int) -> int:
        """How many jobs of this priority wait and may be taken, here or once they are claimed."""
        return len(self.ready[priority]) - self.ghosts[priority] + self.beyond[priority]

    def waits_beyond(self, priority: int) -> bool:
        """Whether an unfinished job of this priority, or of a more urgent one, waits beyond the window, or did."""
        return any(self.beyond[: priority + 1]) or any(self.returned[: priority + 1])

    def idle(self) -> bool:
        """Whether it has neither jobs nor workers, and no limit that somebody set."""
        return not (self.total or self.workers or any(self.limits))

    def first(self, priority: int) -> Job | None:
        """The next job of this priority, left in its place."""
        ready = self.ready[priority]
        while ready:
            job = ready[0]
            if job.state == QUEUED:
                return job
            ready.popleft()
            self.ghosts[priority] -= 1
        return None
