"""Deadlines of running jobs (CAN_DO_TIMEOUT). It never looks at a clock: the caller passes times.

A deadline is set without knowing the time ("in so many milliseconds") and gets its moment at the next `expired`,
so that giving a job to a worker reads no clock.

A job that is retried without limit gets twice the time after each time-out. gearmand: the same time for ever, so that
a job that needs longer never ends (libgearman's workers get out of that only by way of an ERROR, which they are not
sent here, and a PRE_SLEEP).
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .jobs import Job

#: Longest time for one attempt, in milliseconds.
MAX_TIMEOUT = 10 * 365 * 24 * 3600 * 1000
#: The heap is rebuilt once it has more entries than this and most of them are of no use.
_REBUILD_AT = 64


class Late(NamedTuple):
    """A job whose time is over, and the time that it had in milliseconds."""

    job: Job
    milliseconds: int


class Deadlines:
    """At most one deadline per job; setting another replaces it. The heap holds no job, so a cancelled one is freed."""

    def __init__(self) -> None:
        self.jobs: set[Job] = set()  # those of which something is known here
        self._fresh: dict[Job, int] = {}  # milliseconds from the next `expired` on
        self._armed: dict[Job, tuple[float, int]] = {}  # the job's entry in the heap
        self._late: dict[int, Late] = {}  # by the serial of that entry
        self._heap: list[tuple[float, int]] = []
        self._serial = 0
        self._missed: dict[Job, int] = {}  # how many deadlines, of jobs that are retried without limit

    def set(self, job: Job, milliseconds: int) -> None:
        """Give the job this long from now, twice as long for each deadline that it has missed."""
        self.cancel(job)
        if self._missed:
            milliseconds = min(milliseconds << self._missed.get(job, 0), MAX_TIMEOUT)
        self._fresh[job] = milliseconds
        self.jobs.add(job)

    def cancel(self, job: Job) -> None:
        """Remove the job's deadline: it ended in time, or its worker is gone or waits for more."""
        if self._fresh and self._fresh.pop(job, None) is not None:
            return
        if self._armed and (entry := self._armed.pop(job, None)) is not None:
            del self._late[entry[1]]
            if len(self._heap) > _REBUILD_AT + 2 * len(self._armed):
                self._heap = [*self._armed.values()]
                heapify(self._heap)

    def forget(self, job: Job) -> None:
        """Remove all that is known of a job that has ended, or is in this server's hands no more."""
        if job in self.jobs:
            self.cancel(job)
            self._missed.pop(job, None)
            self.jobs.remove(job)

    def miss(self, job: Job) -> None:
        """Count a deadline that the job has missed; call `forget` when it ends."""
        self._missed[job] = self._missed.get(job, 0) + 1

    def resume(self, job: Job, missed: int) -> None:
        """Count deadlines that the job has missed before it came here; call `forget` when it ends."""
        self._missed[job] = missed
        self.jobs.add(job)

    def expired(self, now: float) -> list[Late]:
        """Remove and return the jobs whose time is over. `now` is in seconds on a clock that never steps."""
        for job, milliseconds in self._fresh.items():
            self._serial += 1
            entry = self._armed[job] = (now + milliseconds / 1000, self._serial)
            self._late[self._serial] = Late(job, milliseconds)
            heappush(self._heap, entry)
        self._fresh.clear()
        expired: list[Late] = []
        heap = self._heap
        while heap and (heap[0][0] <= now or heap[0][1] not in self._late):
            late = self._late.pop(heappop(heap)[1], None)
            if late is not None:
                del self._armed[late.job]
                expired.append(late)
        return expired

    def next(self) -> float | None:
        """Return the moment of the nearest deadline, on the same clock; call after `expired`."""
        return self._heap[0][0] if self._heap else None
