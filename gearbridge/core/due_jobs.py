"""Jobs whose time has not come, in the order in which they fall due. It reads no clock: times are arguments."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from .jobs import GONE, QUEUED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .jobs import Job

#: Ghosts are swept out once there are this many and they are the greater part.
_SWEEP_AT = 1024


class DueJobs:
    """A heap of QUEUED jobs by due time. One that is QUEUED no more stays in it, as a ghost, until it is at the top."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Job]] = []
        self._ghosts = 0
        self._serial = 0  # keeps jobs due in the same second in order

    def __iter__(self) -> Iterator[Job]:
        return (job for _, _, job in self._heap)

    def add(self, job: Job) -> None:
        """Add a job, which has a due time."""
        self._serial += 1
        heappush(self._heap, (job.due, self._serial, job))

    def leave(self, job: Job) -> None:
        """Count a job that is about to be QUEUED no more."""
        self._ghosts += 1
        if self._ghosts > _SWEEP_AT and self._ghosts * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].state == QUEUED and entry[2] is not job]
            heapify(self._heap)
            self._ghosts = 0

    def take(self, wall: float) -> list[Job]:
        """Remove and return the jobs whose time has come; `wall` is in seconds since 1970."""
        ready: list[Job] = []
        heap = self._heap
        while heap and (heap[0][0] <= wall or heap[0][2].state == GONE):
            job = heappop(heap)[2]
            if job.state == QUEUED:
                ready.append(job)
            else:
                self._ghosts -= 1
        return ready

    def next(self) -> int | None:
        """Return when the next job falls due, in seconds since 1970; None while there is none."""
        return self._heap[0][0] if self._heap else None
