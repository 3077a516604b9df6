"""Jobs that SQL enqueued: how many there is room for, and taking them in. It knows no store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .jobs import EnqueuedJob
from .queue import coalescing_key
from .timing import sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gearbridge.records import ClaimedJob

    from .lifecycle import JobLifecycle

#: How many such jobs of a function are held at a time, and at how many of them more are asked for.
CLAIM_WINDOW = 1000
CLAIM_AGAIN = CLAIM_WINDOW // 2


def rooms(lifecycle: JobLifecycle) -> dict[bytes, int]:
    """How many jobs each function can take, of those that have a worker here. Asking clears `wants_claim`.

    A function that still has many is left out, so that claims are few and large.
    """
    lifecycle.wants_claim = False
    if lifecycle.retiring:
        return {}
    return {
        function.name: CLAIM_WINDOW - function.claimed
        for function in lifecycle.queue.functions.values()
        if function.workers and function.claimed <= CLAIM_AGAIN
    }


def take_in(lifecycle: JobLifecycle, jobs: Iterable[ClaimedJob]) -> None:
    """Take in what the store has claimed. It counts against no limit."""
    queue = lifecycle.queue
    for claimed in jobs:
        if claimed.handle in queue.jobs:
            continue
        function = queue.function(claimed.function)
        make = EnqueuedJob if function.added < function.sample_at else sample(queue, function, EnqueuedJob)
        job = make(claimed, function.name)
        key = coalescing_key(job.unique_key, job.payload)
        # The table keeps its unique keys apart from those of jobs that came over a socket.
        queue.add(function, job, None if key in function.uniques else key)
        function.claimed += 1
        lifecycle.make_ready(function, job)
