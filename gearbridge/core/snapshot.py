"""What can be seen of an engine, as plain values. Nothing is kept here.

Names and handles are bytes, as in Gearman; times are in seconds, moments on the shell's clock, which never steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .footprint import size_of_jobs
from .jobs import QUEUED, RUNNING, STORING
from .sampling import catch_up

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .function import Function
    from .histograms import Histogram
    from .lifecycle import JobLifecycle
    from .peer import Peer

_STATES = {STORING: "storing", QUEUED: "queued", RUNNING: "running"}


class FunctionSnapshot(NamedTuple):
    """A function now, and the outcomes of its jobs since the start.

    queued: jobs that a worker may take, by priority: high, normal, low.
    later: jobs that wait for their commit, or for the time when they are due.
        Both count what waits in the job table, whichever way it came.
    oldest: age of the oldest waiting job in seconds; None when none waits.
    retried: attempts that are repeated, because the worker was lost or the job may be retried.
    abandoned: ended because no client waited for the result any more, or refused by the store.
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

    @property
    def lacks_workers(self) -> bool:
        """Whether it has waiting jobs, and no worker."""
        return not self.workers and (any(self.queued) or self.later > 0)


class TimesSnapshot(NamedTuple):
    """The waiting and running times of a function's jobs: a sample, weighted so that it stands for all."""

    name: bytes
    waits: Histogram
    runs: Histogram


class WorkerSnapshot(NamedTuple):
    """A connection that works, or asks to. `running` are handles."""

    number: int
    address: str
    client_id: bytes
    functions: Sequence[bytes]
    running: Sequence[bytes]
    asleep: bool


class FailureSnapshot(NamedTuple):
    """A job that failed for good. `repeatable`: `retry` may succeed."""

    handle: bytes
    function: bytes
    error: str
    when: float
    background: bool
    repeatable: bool


class JobSnapshot(NamedTuple):
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


class Load(NamedTuple):
    """The stored jobs in memory, and the connections that can do a function."""

    jobs: int
    workers: int


class Snapshot:
    """A view of one engine now. All but `load` is called in the thread that calls the engine."""

    def __init__(self, lifecycle: JobLifecycle, peers: Collection[Peer]) -> None:
        self._lifecycle = lifecycle
        self._queue = lifecycle.queue
        self._peers = peers

    def load(self) -> Load:
        """Return how much there is to do; other threads may ask, for the moment's answer."""
        workers = {peer for function in tuple(self._queue.functions.values()) for peer in tuple(function.workers)}
        return Load(sum(self._lifecycle.window.jobs), len(workers))

    def size_of_jobs(self) -> int:
        """Return the bytes that all jobs in memory take, about."""
        jobs = self._queue.jobs
        return size_of_jobs(jobs, reversed(jobs.values()))

    def functions(self, now: float) -> list[FunctionSnapshot]:
        """All functions, in the order they became known, but for those forgotten again."""
        ahead = self._queue.wall_ahead
        return [_shown(function, now, ahead) for function in self._queue.functions.values()]

    def counted(self, now: float) -> float | None:
        """Return for how many seconds changes by other sessions may be missing in what waits in the table.

        None where nothing can wait there, or it was not counted yet.
        """
        since = self._lifecycle.counted_since
        return None if since is None else max(0.0, now - since)

    def forgotten(self) -> FunctionSnapshot:
        """Return the counts of functions that are not known any more."""
        return _shown(self._queue.forgotten, 0.0, 0.0)

    def times(self, limit: int) -> list[TimesSnapshot]:
        """The times of the first functions, in the order of `functions`."""
        some = list(self._queue.functions.values())[:limit]
        for function in some:
            catch_up(function)
        return [
            TimesSnapshot(function.name, function.timing.waits.copy(), function.timing.runs.copy())
            for function in some
            if function.timing is not None
        ]

    def connections(self) -> int:
        """Return the number of connections."""
        return len(self._peers)

    def workers(self) -> list[WorkerSnapshot]:
        """The connections that can do a function."""
        return [
            WorkerSnapshot(
                peer.number,
                peer.address,
                peer.client_id,
                [function.name for function in peer.functions],
                list(peer.jobs),
                peer.sleeping,
            )
            for peer in self._peers
            if peer.functions or peer.jobs
        ]

    def nodes(self) -> int:
        """Return the number of nodes that share the table, as far as it is known; 0 where it is not shared."""
        return len(self._lifecycle.nodes)

    def failures(self) -> list[FailureSnapshot]:
        """The last failures, the last one first."""
        return [
            FailureSnapshot(
                failure.job.handle,
                failure.job.function,
                failure.error,
                failure.when,
                failure.background,
                failure.repeatable,
            )
            for failure in self._lifecycle.failures
        ]

    def job(self, handle: bytes) -> JobSnapshot | None:
        """A job that is not done; None where there is none of this handle."""
        job = self._queue.jobs.get(handle)
        if job is None:
            return None
        return JobSnapshot(
            job.handle,
            job.function,
            job.unique_key,
            int(job.priority),
            _STATES[job.state],
            job.background,
            job.attempts,
            job.numerator,
            job.denominator,
            len(job.payload),
        )

    @property
    def durable(self) -> bool:
        """Whether the store keeps background jobs over a restart."""
        return self._lifecycle.durable

    @property
    def unsettled(self) -> int:
        """Number of settlements that are not durable yet."""
        return self._lifecycle.settling.unwritten


def _shown(function: Function, now: float, wall_ahead: float) -> FunctionSnapshot:
    queued = (function.waiting(0), function.waiting(1), function.waiting(2))
    oldest = function.oldest() if function.total else None
    if function.oldest_row is not None and (any(function.enqueued[:3]) or any(function.spilled[:3])):
        row = function.oldest_row - wall_ahead
        oldest = row if oldest is None else min(oldest, row)
    return FunctionSnapshot(
        function.name,
        queued,
        function.unfinished - function.running - sum(queued),
        function.running,
        len(function.workers),
        None if oldest is None else max(0.0, now - oldest),
        function.added - function.restored,
        function.completed,
        function.failed,
        function.lost + function.put_back,
        function.cancelled,
        function.abandoned,
    )
