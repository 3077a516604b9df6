"""What can be seen of a job server, as plain values, and who shows it: its dashboard and metrics know nothing else.

Names and handles are bytes, as in Gearman; times are in seconds, moments in seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.core.timing import Histogram


class FunctionSeen(NamedTuple):
    """A function now, and what became of its jobs since the start.

    queued: jobs that a worker may take, by priority: high, normal, low.
    later: jobs that wait for their commit, or for the time when they are due.
    oldest: how long the job waits that has waited longest; None when none waits.
    retried: attempts that are made again, because the worker was lost or the job may be tried more often.
    abandoned: ended because nobody waited for the result any more, or refused by the store.
    """

    name: bytes
    queued: tuple[int, int, int]
    later: int
    running: int
    workers: int
    oldest: float | None
    submitted: int
    completed: int
    failed: int
    retried: int
    cancelled: int
    abandoned: int


class TimesSeen(NamedTuple):
    """How long jobs of a function waited and ran: a sample, weighed so that it stands for all."""

    name: bytes
    waits: Histogram
    runs: Histogram


class WorkerSeen(NamedTuple):
    """A connection that works, or asks to. `running` are handles."""

    number: int
    address: str
    client_id: bytes
    functions: Sequence[bytes]
    running: Sequence[bytes]
    asleep: bool


class FailureSeen(NamedTuple):
    """A job that failed for good. `repeatable`: `retry` may succeed."""

    handle: bytes
    function: bytes
    error: str
    when: float
    background: bool
    repeatable: bool


class StoreSeen(NamedTuple):
    """The store. `trouble`: why it cannot be reached, None while it can. `kept`: ends that it could not take yet."""

    where: str
    durable: bool
    trouble: str | None
    waiting_bytes: int
    kept: int
    group_sizes: Histogram
    group_seconds: Histogram


class JobSeen(NamedTuple):
    """A job that is not done. `state` is "storing", "queued" or "running"."""

    handle: bytes
    function: bytes
    unique_key: bytes
    priority: int
    state: str
    background: bool
    attempts: int
    numerator: int
    denominator: int
    size: int


class Ended(NamedTuple):
    """How a foreground job ended: "complete", "fail" or "exception", and what the worker sent."""

    handle: bytes
    how: str
    data: bytes


class Submission(NamedTuple):
    """A job to submit. `due` is in seconds since 1970; 0 is at once."""

    function: bytes
    payload: bytes
    unique_key: bytes = b""
    priority: int = 1
    due: int = 0
    traceparent: bytes = b""


class Seen(Protocol):
    """What a server shows. All of it is called in the event loop, and none of it blocks.

    Raises ServerError where the job server refuses what it is asked.
    """

    #: What it is, in a word.
    kind: str

    def not_ready(self) -> str | None:
        """Why no work should be sent here now; None when it may."""

    def functions(self) -> list[FunctionSeen]:
        """All functions, in the order they became known, but for those forgotten again."""

    def forgotten(self) -> FunctionSeen:
        """What became of the jobs of functions that are not known any more."""

    def times(self, limit: int) -> list[TimesSeen]:
        """The times of the first functions, in the order of `functions`."""

    def connections(self) -> int:
        """How many connections there are."""

    def workers(self) -> list[WorkerSeen]:
        """The connections that can do a function."""

    def failures(self) -> list[FailureSeen]:
        """The last failures, the last one first."""

    def store(self) -> StoreSeen:
        """The store."""

    def job(self, handle: bytes) -> JobSeen | None:
        """A job that is not done; None where there is none of this handle."""

    async def submit(self, job: Submission) -> bytes:
        """Submit a background job; its handle, once it is durable."""

    async def do(self, job: Submission) -> Ended:
        """Do a foreground job and wait for its end; cancelled with the task that waits. `due` has no meaning."""

    def cancel(self, handle: bytes) -> bool:
        """End a job that is not done; whether there was one."""

    async def retry(self, handle: bytes) -> bool:
        """Do a job again that failed lately; False when that is not possible any more."""
