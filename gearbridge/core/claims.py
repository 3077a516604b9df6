"""Jobs that wait in the job table: how many there is room for, and taking them in. It knows no store.

SQL enqueued them, or this server or the one before put them there, beyond its window.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED

from .jobs import EnqueuedJob, ReturnedJob, line_of
from .queue import coalescing_key
from .timing import sample, sample_of_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gearbridge.records import Backlog, ClaimedJob

    from .jobs import Function, Job
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
    functions = lifecycle.queue.functions.values()
    return {function.name: room for function in functions if function.workers and (room := _room(function))}


def _room(function: Function) -> int:
    held = sum(function.claimed)
    if held <= CLAIM_AGAIN:
        return CLAIM_WINDOW - held
    # What waits beyond the window must not wait for less urgent jobs that are held already.
    ahead = 0
    for claimed, beyond in zip(function.claimed, function.beyond, strict=False):
        ahead += claimed
        if beyond:
            return CLAIM_WINDOW - ahead if ahead <= CLAIM_AGAIN else 0
    return 0


def makes_room(function: Function, priority: int) -> bool:
    """Whether the end of a claimed job of this priority was the one that makes room for more."""
    held = 0
    for rank, claimed in enumerate(function.claimed):
        held += claimed
        if held == CLAIM_AGAIN and rank >= priority:
            return True
    return False


def take_in(lifecycle: JobLifecycle, jobs: Iterable[ClaimedJob]) -> None:
    """Take in what the store has claimed. It counts against no limit."""
    queue = lifecycle.queue
    returned: list[ClaimedJob] = []
    for claimed in jobs:
        if claimed.handle in queue.jobs or claimed.handle in lifecycle.window.cancelled:
            continue
        if not claimed.handle.startswith(ENQUEUED):
            returned.append(claimed)
            continue
        function = queue.function(claimed.function)
        make = EnqueuedJob if function.added < function.sample_at else sample(queue, function, EnqueuedJob)
        job: Job = make(claimed, function.name)
        key = coalescing_key(job.unique_key, job.payload)
        # The table keeps its unique keys apart from those of jobs that came over a socket.
        queue.add(function, job, None if key in function.uniques else key)
        _have(lifecycle, function, job)
    _take_back(lifecycle, returned)


def _take_back(lifecycle: JobLifecycle, returned: list[ClaimedJob]) -> None:
    queue = lifecycle.queue
    counts = Counter(claimed.function for claimed in returned)
    for claimed in returned:
        function = queue.function(claimed.function)
        # The first of them is a sample of all.
        weight = counts.pop(claimed.function, 0)
        make = sample_of_many(queue, function, weight) if weight else ReturnedJob
        job: ReturnedJob = make(
            claimed.handle,
            function.name,
            claimed.payload,
            b"",
            claimed.priority,
            claimed.due,
            claimed.attempts,
            claimed.reducer,
        )
        job.background = True
        queue.take_back(function, job, counted=function.beyond[job.line] > 0)
        _have(lifecycle, function, job)


def _have(lifecycle: JobLifecycle, function: Function, job: Job) -> None:
    function.claimed[job.priority] += 1
    lifecycle.window.enter(job)
    lifecycle.make_ready(function, job)


def note_backlog(lifecycle: JobLifecycle, backlog: Iterable[Backlog]) -> int:
    """Know what waits beyond the window from before the start; return how many jobs that is."""
    queue = lifecycle.queue
    count = 0
    for part in backlog:
        function = queue.function(part.function)
        function.added += part.jobs
        function.restored += part.jobs
        function.total += part.jobs
        queue.count_beyond(function, line_of(part.priority, part.due), part.jobs)
        count += part.jobs
    return count
