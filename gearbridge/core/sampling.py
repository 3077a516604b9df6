"""The waiting and running times of jobs: of a sample, so that the others cost nothing. Reads no clock.

A sampled job is of a class of its own, whose `state` is a property: a change of state measures it, which its callers
need not know. Each function takes some 5 to 50 samples a second; the busier it is, the more jobs a sample
stands for, and with this weight it is counted.

A job is counted once, however often it is tried: its wait for the first worker, and the first run that ended.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .enqueued import EnqueuedJob
from .histograms import Timing
from .jobs import GONE, QUEUED, RUNNING, STORING, Job, ReclaimedJob

if TYPE_CHECKING:
    from .function import Function
    from .queue import JobQueue


class _Timed:
    """A job whose changes of state are measured, by the time of `queue`."""

    since: float

    def watch(self, queue: JobQueue, timing: Timing, weight: int) -> None:
        """Be measured from now on."""
        self._state = STORING
        self._has_waited = False
        self._queue, self._timing, self._weight = queue, timing, weight

    @property
    def state(self) -> int:
        """The state, as any job's."""
        return self._state

    @state.setter
    def state(self, state: int) -> None:
        before, self._state = self._state, state
        if before == QUEUED and state == RUNNING:
            now = self._queue.now
            if not self._has_waited:
                self._has_waited = True
                self._timing.waited(max(0.0, now - self.since), self._weight)
            self.since = now
        elif before == RUNNING and state == GONE:
            self._timing.ran(max(0.0, self._queue.now - self.since), self._weight)


class TimedJob(_Timed, Job):
    """A job that is a sample."""

    def __init__(self, queue: JobQueue, timing: Timing, weight: int, *job: Any) -> None:
        self.watch(queue, timing, weight)
        super().__init__(*job)


class TimedEnqueuedJob(_Timed, EnqueuedJob):
    """A job that SQL enqueued and that is a sample. It waits from when it was enqueued, to the second."""

    def __init__(self, queue: JobQueue, timing: Timing, weight: int, *job: Any) -> None:
        self.watch(queue, timing, weight)
        super().__init__(*job)


class TimedReclaimedJob(_Timed, ReclaimedJob):
    """A job that waited beyond the window and that is a sample. It waits from the claim on."""

    def __init__(self, queue: JobQueue, timing: Timing, weight: int, *job: Any) -> None:
        self.watch(queue, timing, weight)
        super().__init__(*job)


def sample(queue: JobQueue, function: Function, kind: type[Job]) -> Any:
    """Return a factory of the next job of this function, a sample: called as the class `kind` is."""
    timing = _timing_of(function)
    weight = timing.weight(_jobs(function) + 1)
    function.sample_at = function.added + timing.next_stride(queue.now)
    timed = TimedEnqueuedJob if kind is EnqueuedJob else TimedJob
    return partial(timed, queue, timing, weight)


def sample_of_many(queue: JobQueue, function: Function, weight: int) -> Any:
    """Return a factory of a job that stands for so many reclaimed ones: called as ReclaimedJob is."""
    timing = _timing_of(function)
    timing.reclaimed = True
    return partial(TimedReclaimedJob, queue, timing, weight)


def catch_up(function: Function) -> None:
    """Count the jobs behind the last sample of a function, where all have ended."""
    timing = function.timing
    if timing is not None and not function.total and not timing.reclaimed and not function.moved:
        timing.catch_up(_jobs(function))


def _jobs(function: Function) -> int:
    """Return the number of jobs that came, those of SQL that were claimed once more not counted again."""
    return function.added - function.restored - function.put_back


def _timing_of(function: Function) -> Timing:
    if function.timing is None:
        function.timing = Timing()
    return function.timing
