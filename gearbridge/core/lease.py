"""Where several nodes share a job table: until when this one may give out what it has claimed, and what if it may not.

It knows no clock: times are told.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gearbridge.records import Release

from .jobs import RUNNING

if TYPE_CHECKING:
    from .jobs import Function, Job
    from .lifecycle import JobLifecycle


class Lease:
    """A server that is alone needs none: it holds for ever."""

    def __init__(self) -> None:
        self.until = math.inf  # on the shell's clock
        self.lost = False  # until there is a new one

    def holds(self, now: float) -> bool:
        """Whether what was claimed may be given out."""
        return now <= self.until

    def lose(self) -> None:
        """It is over; nothing is given out before there is a new one."""
        self.until = -math.inf
        self.lost = True


def lose_lease(lifecycle: JobLifecycle) -> None:
    """The lease is over: what was claimed may be another node's by now. It is forgotten, with what became of it.

    A worker that has such a job is told that there is none when it is done.
    """
    if lifecycle.lease.lost:
        return
    lifecycle.lease.lose()
    queue = lifecycle.queue
    for job in [job for job in queue.jobs.values() if job.claimed]:
        if job.state == RUNNING and job.worker is not None:
            job.worker.jobs.pop(job.handle, None)
            lifecycle.deadlines.cancel(job)
        for client in job.clients or ():
            client.awaited.pop(job.handle, None)
        lifecycle.tell_failed(job)
        lifecycle.window.leave(job)
        queue.give_back(job)
    lifecycle.journal.forget_ends()


def release(lifecycle: JobLifecycle, function: Function) -> None:
    """Give back what was claimed of a function and no worker has: other nodes may have workers for it."""
    for job in list(lifecycle.queue.claimed(function)):
        release_job(lifecycle, job)


def release_job(lifecycle: JobLifecycle, job: Job) -> None:
    """Give back one job that was claimed and no worker has."""
    lifecycle.journal.end(Release(job.handle))
    lifecycle.window.leave(job)
    lifecycle.queue.give_back(job)
