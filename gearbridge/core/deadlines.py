"""Deadlines of running jobs (CAN_DO_TIMEOUT). It never looks at a clock: times are told.

A deadline is set without knowing the time ("in so many milliseconds") and gets its moment at the next `expired`,
so that giving a job to a worker reads no clock.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .jobs import Job


class Deadlines:
    """At most one deadline per job; setting another replaces it. Cancelled ones stay in the heap until they top it."""

    def __init__(self) -> None:
        self._fresh: dict[Job, int] = {}  # milliseconds from the next `expired` on
        self._armed: dict[Job, float] = {}
        self._heap: list[tuple[float, int, Job]] = []
        self._serial = 0

    def set(self, job: Job, milliseconds: int) -> None:
        """The job has this long from now."""
        self.cancel(job)
        self._fresh[job] = milliseconds

    def cancel(self, job: Job) -> None:
        """The job ended in time, or its worker is gone."""
        self._fresh.pop(job, None)
        self._armed.pop(job, None)

    def expired(self, now: float) -> list[Job]:
        """The jobs whose time is over. `now` is in seconds on a clock that never steps."""
        for job, milliseconds in self._fresh.items():
            when = now + milliseconds / 1000
            self._armed[job] = when
            self._serial += 1
            heappush(self._heap, (when, self._serial, job))
        self._fresh.clear()
        late: list[Job] = []
        heap = self._heap
        while heap and (heap[0][0] <= now or self._armed.get(heap[0][2]) != heap[0][0]):
            when, _, job = heappop(heap)
            if self._armed.get(job) == when:
                del self._armed[job]
                late.append(job)
        return late

    def next(self) -> float | None:
        """The moment of the nearest deadline, on the same clock; ask after `expired`."""
        return self._heap[0][0] if self._heap else None
