"""Histograms: of the waiting and running times of a function's jobs, and of whatever else a server counts.

Reads no clock: times are arguments.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import zip_longest

#: Upper bounds of a histogram's buckets, in seconds; one more bucket holds what took longer.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
#: Seconds between two samples of a function: below the first fewer are taken, above the second more.
_TOO_SOON = 0.02
_TOO_LATE = 0.2
#: Most jobs that one sample stands for.
_LARGEST_STRIDE = 4096


class Histogram:
    """Counts by upper bound, and the sum of all values."""

    __slots__ = ("_counts", "bounds", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self._counts: list[int] = []  # up to the last one that is not 0: there are two for each of many functions
        self.total = 0.0

    @property
    def counts(self) -> list[int]:
        """The number of values in each bucket: one for each bound, and one for what is above all."""
        return [*self._counts, *(0 for _ in range(len(self.bounds) + 1 - len(self._counts)))]

    def observe(self, value: float, weight: int = 1) -> None:
        """Count a value `weight` times."""
        bucket = bisect_left(self.bounds, value)
        if bucket >= len(self._counts):
            self._counts.extend([0] * (bucket + 1 - len(self._counts)))
        self._counts[bucket] += weight
        self.total += value * weight

    def add(self, other: Histogram) -> None:
        """Count all that another histogram of the same bounds has counted."""
        self._counts = [mine + theirs for mine, theirs in zip_longest(self._counts, other._counts, fillvalue=0)]
        self.total += other.total

    def copy(self) -> Histogram:
        """A histogram that does not change with this one."""
        twin = Histogram(self.bounds)
        twin.add(self)
        return twin


class Timing:
    """The samples of one function, and which job is the next one.

    A sample stands for the jobs since the one before, itself included: a job is counted once, and not before it came.
    """

    __slots__ = ("_counted", "_last", "_last_run", "_last_wait", "_stride", "reclaimed", "runs", "waits")

    def __init__(self) -> None:
        self.waits = Histogram()  # from the moment a worker may have the job to the moment one has it
        self.runs = Histogram()  # from there to its end
        self.reclaimed = False  # some samples stand for jobs that are counted when they come back from the table
        self._stride = 1
        self._last = float("-inf")
        self._last_wait: float | None = None
        self._last_run: float | None = None
        self._counted = 0  # jobs that samples stand for

    def waited(self, seconds: float, weight: int) -> None:
        """A sample was given to a worker."""
        self._last_wait = seconds
        self.waits.observe(seconds, weight)

    def ran(self, seconds: float, weight: int) -> None:
        """A sample has ended."""
        self._last_run = seconds
        self.runs.observe(seconds, weight)

    def weight(self, jobs: int) -> int:
        """Return how many jobs the sample stands for that is the last one of so many: those since the one before."""
        weight = min(max(jobs - self._counted, 0), self._stride)
        self._counted = max(self._counted, jobs)
        return weight

    def catch_up(self, jobs: int) -> None:
        """Count the jobs behind the last sample, when all of so many have ended, as that one."""
        weight = self.weight(jobs)
        if weight and self._last_wait is not None and self._last_run is not None:
            self.waits.observe(self._last_wait, weight)
            self.runs.observe(self._last_run, weight)

    def next_stride(self, now: float) -> int:
        """Return after how many jobs the next sample is to be taken, when one is taken now."""
        gap = now - self._last
        self._last = now
        if gap < _TOO_SOON:
            self._stride = min(self._stride * 2, _LARGEST_STRIDE)
        elif gap > _TOO_LATE:
            # The rate may have fallen by much: as many steps down as samples were missed.
            self._stride = max(1, int(self._stride / min(gap / _TOO_LATE * 2, _LARGEST_STRIDE)))
        return self._stride
