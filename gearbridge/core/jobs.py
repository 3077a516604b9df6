"""Jobs of the queue, and the states a job goes through.

    STORING ──durable──► QUEUED ──taken──► RUNNING ──finished──► GONE
     │ │                 │ ▲                  │
     │ └────withheld─────┘ └───worker lost────┘     (any state may go to GONE: cancelled, abandoned)
     └──refused, or spilled to the table───► GONE

A background job is STORING, and invisible to workers, until it is durable; and again when a server
that is about to end leaves it to the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gearbridge.records import StoredJob

if TYPE_CHECKING:
    from .pending_reply import PendingReply

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


class Client(Protocol):
    """A connection that waits for a job, as the job knows it."""

    exceptions: bool
    awaited: dict[bytes, Job]

    def send(self, data: bytes) -> None:
        """Queue bytes for it."""


class Worker(Protocol):
    """A connection that runs a job, as the job and the queue know it."""

    address: str
    client_id: bytes
    turn: int
    jobs: dict[bytes, Job]

    def take_away(self, handle: bytes) -> None:
        """Take a job from it."""


class Job(StoredJob):
    """A stored job, with the state that lasts only while this process runs."""

    __slots__ = ("background", "clients", "denominator", "numerator", "since", "state", "ticket", "worker")

    since: float  # when a worker could have it first, on the shell's clock; set with QUEUED
    claimed = False  # True: its row waits in the table to be claimed, and this server has claimed it
    spilled = False  # True: it is on its way to the table, to wait there
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
        self.clients: list[Client] | None = None  # foreground clients waiting for it; None until there is one
        self.denominator = 0
        self.numerator = 0
        self.state = QUEUED
        self.ticket: PendingReply | None = None  # the reply that waits for its commit, while there is one
        self.worker: Worker | None = None  # who runs it; set exactly in RUNNING

    def progress(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Known, running, numerator and denominator, as STATUS_RES wants them."""
        return b"1", b"1" if self.state == RUNNING else b"0", b"%d" % self.numerator, b"%d" % self.denominator


class SpilledJob(Job):
    """A job that goes to the table, to wait there: in memory it is only until that is done."""

    __slots__ = ("line",)
    line: int
    spilled = True


class ReclaimedJob(Job):
    """A job that waited beyond the window, and that this server has claimed."""

    __slots__ = ("in_line",)
    claimed = True


#: What GET_STATUS answers for a handle that names no job: finished and unknown look the same in Gearman.
UNKNOWN_PROGRESS = (b"0", b"0", b"0", b"0")
