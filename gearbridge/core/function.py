"""A function of the queue: its waiting jobs by priority, its workers, and the outcomes of its jobs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

from .jobs import QUEUED, Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .histograms import Timing
    from .jobs import Job
    from .prefetch import PrefetchRate

#: Bytes that a known function takes beside its name, about.
FUNCTION_SIZE = 1000


class FunctionWorker(Worker, Protocol):
    """A connection that can do functions, as they know it; `wide` where they are very many."""

    sleeping: bool
    woken: Function | None
    turns: tuple[Function, ...]
    functions: dict[Function, int]

    @property
    def wide(self) -> WideFunctions | None:
        """Its functions by position, where they are many."""

    def send(self, data: bytes) -> None:
        """Queue bytes for it."""


class WideFunctions(Protocol):
    """The functions of a worker that has very many."""

    def note(self, function: Function, priority: int) -> None:
        """Note that a function has a job of this priority."""

    def shares(self, workers: dict[FunctionWorker, int]) -> bool:
        """Return whether this dict is shared by several functions, and not to be changed."""


# What a function has that has neither jobs nor workers: names are known by the ten thousand. Each is one object for all
# functions; `line` and the methods that begin with `own` put one of the function's own in its place. Writing to those
# that are a tuple is an error.
NO_JOBS: deque[Job] = deque(maxlen=0)
NONE_READY = cast("list[deque[Job]]", (NO_JOBS, NO_JOBS, NO_JOBS))
NO_UNIQUES: dict[object, Job] = {}
NO_WORKERS: dict[FunctionWorker, int] = {}
NO_SLEEPERS: dict[FunctionWorker, None] = {}
ZEROS = cast("list[int]", (0, 0, 0))
FOUR_ZEROS = cast("list[int]", (0, 0, 0, 0))
NONE_ENQUEUED = (0, 0, 0, 0)


class Function:
    """One function's waiting jobs, its workers, and the outcomes of its jobs so far.

    Completed jobs are not counted, which costs nothing: they are all jobs less all others. See `completed`.
    """

    __slots__ = (
        "abandoned",
        "added",
        "cancelled",
        "claimed",
        "enqueued",
        "failed",
        "ghosts",
        "limits",
        "lost",
        "moved",
        "name",
        "oldest_row",
        "pace",
        "put_back",
        "ready",
        "restored",
        "returned",
        "running",
        "sample_at",
        "sleepers",
        "spilled",
        "storing",
        "timing",
        "total",
        "uniques",
        "wide",
        "workers",
    )

    #: What `count_in` adds up.
    COUNTS = ("added", "moved", "restored", "failed", "lost", "put_back", "cancelled", "abandoned")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.ready = NONE_READY  # by priority
        self.ghosts = ZEROS  # how many in `ready` are QUEUED no more: removed when they reach the head
        self.uniques = NO_UNIQUES  # unfinished jobs by coalescing key
        self.total = 0  # jobs that are not finished, here or beyond the window
        self.running = 0
        self.claimed = ZEROS  # jobs in memory that were claimed from the table, by priority
        self.spilled = FOUR_ZEROS  # jobs that wait in the table and came over a socket: by priority, or due later
        # Rows that SQL enqueued and that are not claimed here, in the same lines; not in `total`.
        self.enqueued: Sequence[int] = NONE_ENQUEUED
        # When the oldest ready row that is not claimed here, of SQL or spilled, came, in seconds since 1970.
        self.oldest_row: int | None = None
        self.returned = ZEROS  # jobs in memory that are `in_line`, by priority
        self.limits = ZEROS  # maxqueue by priority; 0 is unlimited
        self.workers = NO_WORKERS  # registered, with their timeout in milliseconds (0: none)
        self.sleepers = NO_SLEEPERS  # those of few functions that are asleep, in the order they fell asleep
        self.wide: tuple[FunctionWorker, ...] = ()  # those of many functions
        self.storing: Job | None = None  # the last background job that is on its way to the store
        self.added = 0  # jobs that ever came, from wherever
        self.moved = 0  # jobs that other nodes put into the table, less those that they took
        self.restored = 0  # of which from the store, at the start
        self.failed = 0  # ended with a failure, for good
        self.lost = 0  # times that a job came back: its worker was lost or took too long, or a rule has it tried again
        self.put_back = 0  # failed attempts of jobs that SQL enqueued, whose rows will be claimed again
        self.cancelled = 0
        self.abandoned = 0  # their clients were gone, or the store refused them
        self.pace: PrefetchRate | None = None  # where the table is shared with other nodes
        self.timing: Timing | None = None  # from the first sample on
        self.sample_at = 0  # the next sample is the job that comes when so many have come

    def line(self, priority: int) -> deque[Job]:
        """Return the jobs of a priority, to add one; workers of many functions are notified of the first."""
        ready = self.ready[priority]
        if not ready:
            if self.ready is NONE_READY:
                self.ready = [*NONE_READY]
            if ready is NO_JOBS:
                ready = self.ready[priority] = deque()
            for peer in self.wide:
                assert peer.wide is not None
                peer.wide.note(self, priority)
        return ready

    def own_uniques(self) -> dict[object, Job]:
        """Return `uniques`, to add one."""
        if self.uniques is NO_UNIQUES:
            self.uniques = {}
        return self.uniques

    def own(self, counts: str) -> list[int]:
        """Return one of the lists of counts, to change it."""
        own: list[int] = getattr(self, counts)
        if own is ZEROS or own is FOUR_ZEROS:
            own = [*own]
            setattr(self, counts, own)
        return own

    def rest(self) -> None:
        """Give back what a function without jobs does not need."""
        self.ready, self.ghosts, self.uniques = NONE_READY, ZEROS, NO_UNIQUES
        if not self.sleepers:
            self.sleepers = NO_SLEEPERS

    @property
    def completed(self) -> int:
        """Number of jobs done with success."""
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
        """Return the number of waiting jobs of this priority that may be taken, here or once they are claimed."""
        return len(self.ready[priority]) - self.ghosts[priority] + self.spilled[priority]

    def waiting(self, priority: int) -> int:
        """Return the number of waiting jobs of this priority, here and in the table, whichever way they came."""
        return self.queued(priority) + self.enqueued[priority]

    @property
    def unfinished(self) -> int:
        """Number of unfinished jobs, here and in the table, whichever way they came."""
        return self.total + sum(self.enqueued)

    def waits_spilled(self, priority: int) -> bool:
        """Return whether an unfinished job of this priority, or of a more urgent one, is or was spilled."""
        return any(self.spilled[: priority + 1]) or any(self.returned[: priority + 1])

    def idle(self) -> bool:
        """Return whether it has neither jobs nor workers, and no limit."""
        return not (self.total or self.workers or any(self.limits) or any(self.enqueued))

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
