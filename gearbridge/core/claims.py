"""Jobs that wait in the job table: how many there is room for, and taking them in. It knows no store.

SQL enqueued them, or this server or the one before put them there, beyond its window.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED, Release

from .jobs import EnqueuedJob, ReturnedJob, line_of
from .pace import Pace
from .queue import coalescing_key
from .timing import sample, sample_of_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gearbridge.records import Backlog, ClaimedJob

    from .jobs import Function, Job
    from .lifecycle import JobLifecycle

#: How many such jobs of a function are held at most; at half of them more are asked for.
CLAIM_WINDOW = 1000


def rooms(lifecycle: JobLifecycle) -> dict[bytes, int]:
    """How many jobs each function can take, of those that have a worker here. Asking clears `wants_claim`.

    A function that still has many is left out, so that claims are few and large.
    """
    lifecycle.wants_claim = False
    if lifecycle.retiring or not lifecycle.lease.holds(lifecycle.queue.now):
        return {}
    functions = [function for function in lifecycle.queue.functions.values() if function.workers]
    if lifecycle.shared:
        for function in functions:
            if function.pace is None:
                function.pace = Pace()
            function.pace.look(lifecycle.queue.now, len(function.workers), CLAIM_WINDOW)
    return {function.name: room for function in functions if (room := _room(function))}


def _window(function: Function) -> int:
    return CLAIM_WINDOW if function.pace is None else function.pace.window


def _room(function: Function) -> int:
    held = sum(function.claimed)
    window = _window(function)
    if held <= window // 2:
        return window - held
    # What waits beyond the window must not wait for less urgent jobs that are held already.
    ahead = 0
    for claimed, beyond in zip(function.claimed, function.beyond, strict=False):
        ahead += claimed
        if beyond:
            return window - ahead if ahead <= window // 2 else 0
    return 0


def makes_room(function: Function, priority: int) -> bool:
    """Whether the end of a claimed job of this priority was the one that makes room for more."""
    again = _window(function) // 2
    held = 0
    for rank, claimed in enumerate(function.claimed):
        held += claimed
        if held == again and rank >= priority:
            return True
    return False


def take_in(lifecycle: JobLifecycle, jobs: Iterable[ClaimedJob]) -> None:
    """Take in what the store has claimed. It counts against no limit."""
    queue = lifecycle.queue
    if lifecycle.shared and (lifecycle.retiring or not lifecycle.lease.holds(queue.now)):
        for claimed in jobs:  # for other nodes; where the lease is over the row is free anyway
            lifecycle.journal.end(Release(claimed.handle))
        return
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
            claimed.unique_key,
            claimed.priority,
            claimed.due,
            claimed.attempts,
            claimed.reducer,
        )
        job.background = True
        key = coalescing_key(job.unique_key, job.payload)
        queue.take_back(function, job, None if key in function.uniques else key)
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


def recount(lifecycle: JobLifecycle, backlog: Iterable[Backlog]) -> None:
    """Know what waits in a table that other nodes use too, as it was counted there."""
    queue = lifecycle.queue
    lines: dict[bytes, list[int]] = {}
    for part in backlog:
        lines.setdefault(part.function, [0, 0, 0, 0])[line_of(part.priority, part.due)] += part.jobs
    for name in {*lines, *(function.name for function in queue.functions.values() if any(function.beyond))}:
        queue.recount(queue.function(name), lines.get(name, [0, 0, 0, 0]))
