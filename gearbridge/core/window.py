"""How much of the backlog is kept in memory. What is beyond that waits in the job table until workers come to it.

Order holds across the boundary: while a job of a function that waited in the table is not done, those that come later
go there too, unless they are more urgent. So what is in memory alone is always older, after a restart too. Each
priority has its own window: what is urgent finds room however much waits that is not. A job with a unique key stays in
memory, for its key is looked for there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED

if TYPE_CHECKING:
    from gearbridge.records import StoredJob

    from .function import Function
    from .queue import JobQueue


class Window:
    """The count of stored jobs in memory, and the choice of those to spill: so many of each priority stay. 0: no limit.

    Where the table is `shared` with other nodes all go there.
    """

    def __init__(self, queue: JobQueue, most_jobs: int, most_bytes: int, *, claimable: bool, shared: bool) -> None:
        self.jobs = [0, 0, 0]  # by priority
        self.bytes = [0, 0, 0]  # of their payloads
        self.cancelled: set[bytes] = set()  # in the table, but about to be deleted there
        self._queue = queue
        self._claimable = claimable
        self._shared = shared
        self._most_jobs: float = most_jobs if most_jobs and claimable else math.inf
        self._most_bytes: float = most_bytes if most_bytes and claimable else math.inf

    def close(self) -> None:
        """Let no more jobs stay in memory, until `reopen`."""
        self._limits = self._most_jobs, self._most_bytes
        if self._claimable:
            self._most_jobs = 0

    def reopen(self) -> None:
        """Let as many stay as before."""
        self._most_jobs, self._most_bytes = self._limits

    @property
    def takes_all(self) -> bool:
        """Return whether a job that has no unique key can always wait in the table instead of in memory."""
        return self._claimable

    def enter(self, job: StoredJob) -> None:
        """A job that is stored is in memory, or a job in memory is about to be stored."""
        self.jobs[job.priority] += 1
        self.bytes[job.priority] += len(job.payload)

    def leave(self, job: StoredJob) -> None:
        """It is in memory no more."""
        self.jobs[job.priority] -= 1
        self.bytes[job.priority] -= len(job.payload)

    def is_spilled(self, function: Function, priority: int, due: int) -> bool:
        """Return whether a new job, with no unique key unless the table is shared, is to wait in the table."""
        if self._shared:
            return True
        if self.jobs[priority] >= self._most_jobs or self.bytes[priority] >= self._most_bytes:
            return True
        queue = self._queue
        return bool(queue.spilled or queue.returned) and not due and function.waits_spilled(priority)

    def may_hold(self, handle: bytes) -> bool:
        """Return whether the job table may have a job that is not in memory."""
        return self._claimable and (self._shared or self._queue.spilled > 0 or handle.startswith(ENQUEUED))
