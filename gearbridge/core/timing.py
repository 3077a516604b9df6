"""How long jobs wait and run: a sample of them, so that the others cost nothing. It knows no clock: times are told.

A sampled job is of a class of its own, whose `state` is a property: whoever moves the job along its states measures it,
and needs not know. Each function takes some 5 to 50 samples a second; the busier it is, the more jobs a sample
stands for, and with this weight it is counted.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Any

from .jobs import GONE, QUEUED, RUNNING, STORING, EnqueuedJob, Job, ReturnedJob

if TYPE_CHECKING:
    from .jobs import Function
    from .queue import JobQueue

#: Upper bounds of a histogram's buckets, in seconds; one more bucket holds what took longer.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
#: Seconds between two samples of a function: below the first fewer are taken, above the second more.
_TOO_SOON = 0.02
_TOO_LATE = 0.2
#: Most jobs that one sample stands for.
_LARGEST_STRIDE = 4096


class Histogram:
    """Counts by upper bound, and the sum of all values."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, weight: int = 1) -> None:
        """Count a value, as often as `weight` says."""
        self.counts[bisect_left(self.bounds, value)] += weight
        self.total += value * weight

    def add(self, other: Histogram) -> None:
        """Count all that another histogram of the same bounds has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def copy(self) -> Histogram:
        """A histogram that does not change with this one."""
        twin = Histogram(self.bounds)
        twin.add(self)
        return twin


class Timing:
    """The samples of one function, and which job is the next one."""

    __slots__ = ("_last", "_stride", "runs", "waits")

    def __init__(self) -> None:
        self.waits = Histogram()  # from the moment a worker may have the job to the moment one has it
        self.runs = Histogram()  # from there to its end
        self._stride = 1
        self._last = float("-inf")

    def next_stride(self, now: float) -> int:
        """How many jobs the sample that is taken now stands for; after so many the next one is taken."""
        gap = now - self._last
        self._last = now
        if gap < _TOO_SOON:
            self._stride = min(self._stride * 2, _LARGEST_STRIDE)
        elif gap > _TOO_LATE:
            # The rate may have fallen by much: as many steps down as samples were missed.
            self._stride = max(1, int(self._stride / min(gap / _TOO_LATE * 2, _LARGEST_STRIDE)))
        return self._stride


class _Timed:
    """A job whose state is watched. `queue` is told the time."""

    since: float

    def watch(self, queue: JobQueue, timing: Timing, weight: int) -> None:
        """Be measured from now on."""
        self._state = STORING
        self._queue, self._timing, self._weight = queue, timing, weight

    @property
    def state(self) -> int:
        """As any job's."""
        return self._state

    @state.setter
    def state(self, state: int) -> None:
        before, self._state = self._state, state
        if before == QUEUED and state == RUNNING:
            now = self._queue.now
            self._timing.waits.observe(max(0.0, now - self.since), self._weight)
            self.since = now
        elif before == RUNNING and state == GONE:
            self._timing.runs.observe(max(0.0, self._queue.now - self.since), self._weight)


class TimedJob(_Timed, Job):
    """A job that is a sample."""

    def __init__(self, queue: JobQueue, timing: Timing, weight: int, *job: Any) -> None:
        self.watch(queue, timing, weight)
        super().__init__(*job)


class TimedEnqueuedJob(_Timed, EnqueuedJob):
    """A job that SQL enqueued and that is a sample. It waits from the claim on."""

    def __init__(self, queue: JobQueue, timing: Timing, weight: int, *job: Any) -> None:
        self.watch(queue, timing, weight)
        super().__init__(*job)


class TimedReturnedJob(_Timed, ReturnedJob):
    """A job that waited beyond the window and that is a sample. It waits from the claim on."""

    def __init__(self, queue: JobQueue, timing: Timing, weight: int, *job: Any) -> None:
        self.watch(queue, timing, weight)
        super().__init__(*job)


def sample(queue: JobQueue, function: Function, kind: type[Job]) -> Any:
    """What makes the next job of this function, a sample: called as the class `kind` is."""
    timing = _timing_of(function)
    stride = timing.next_stride(queue.now)
    function.sample_at = function.added + stride
    timed = TimedEnqueuedJob if kind is EnqueuedJob else TimedJob
    return partial(timed, queue, timing, stride)


def sample_of_many(queue: JobQueue, function: Function, weight: int) -> Any:
    """What makes a job that stands for so many that came back together: called as ReturnedJob is."""
    return partial(TimedReturnedJob, queue, _timing_of(function), weight)


def _timing_of(function: Function) -> Timing:
    if function.timing is None:
        function.timing = Timing()
    return function.timing
