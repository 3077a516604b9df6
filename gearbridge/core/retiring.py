"""A graceful end: what the store keeps is left to the next server, what would be lost with this one is still done.

It knows the queue; it knows no packet and no connection.

gearmand: waits until there is no job at all, so that with a long queue, or without workers, it never ends. Here: only a
running job, and one that is in memory only, is waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .jobs import QUEUED
from .lease import release

if TYPE_CHECKING:
    from .lifecycle import JobLifecycle


def retire(lifecycle: JobLifecycle) -> None:
    """Take what the store keeps out of the workers' reach, now and from now on."""
    lifecycle.retiring = True
    queue = lifecycle.queue
    if lifecycle.shared:
        for function in queue.functions.values():
            release(lifecycle, function)
    for job in queue.jobs.values():
        if job.state == QUEUED and lifecycle.is_kept(job):
            queue.withhold(job)


def is_idle(lifecycle: JobLifecycle) -> bool:
    """Whether no job runs, and none waits that would be lost if the server ended now. Call after `retire`."""
    queue = lifecycle.queue
    if not lifecycle.durable:
        return not queue.jobs
    functions = list(queue.functions.values())
    return not any(function.running for function in functions) and not queue.has_ready(functions)
