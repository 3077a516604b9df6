"""Jobs that wait in the job table: how many there is room for, and taking them in. It knows no store.

SQL enqueued them, or this server or the one before put them there, beyond its window.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED, Release

from .enqueued import EnqueuedJob
from .function import ZEROS
from .jobs import ReclaimedJob, line_of
from .prefetch import PrefetchRate
from .queue import coalescing_key
from .retry_limits import restore_doubling
from .sampling import sample, sample_of_many
from .table_counts import count_claimed, moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gearbridge.records import Backlog, ClaimedJob

    from .function import Function
    from .jobs import Job
    from .state import State

#: How many such jobs of a function are held at most; at half of them more are asked for.
CLAIM_WINDOW = 1000
#: Bytes of a claim where they are not limited.
_MOST_BYTES = 1 << 62


def claim_capacity(state: State) -> dict[bytes, int]:
    """Return how many jobs to claim of each function that has a worker here. Clears `wants_claim`.

    A function that still has many is left out, so that claims are few and large.
    """
    state.signals.wants_claim = False
    if state.retiring or state.short_of_memory or not state.lease.holds(state.queue.now):
        return {}
    functions = [function for function in state.queue.functions.values() if function.workers]
    if state.shared:
        for function in functions:
            if function.pace is None:
                function.pace = PrefetchRate()
            function.pace.look(state.queue.now, len(function.workers), CLAIM_WINDOW)
    if capacity_in_bytes(state) <= 1:
        # What has nothing here gets one job at a time, whatever it is: large jobs of one function stop no other.
        return {function.name: 1 for function in functions if not any(function.claimed)}
    return {function.name: room for function in functions if (room := _room(function))}


def capacity_in_bytes(state: State) -> int:
    """Return how many bytes of payload to claim; 1 is a single job. The window's bytes, while half of them are free."""
    most = state.settings.window_bytes
    if not most:
        return _MOST_BYTES
    return 1 if state.queue.claimed_bytes > most // 2 else most - state.queue.claimed_bytes


def _window(function: Function) -> int:
    return CLAIM_WINDOW if function.pace is None else function.pace.window


def _room(function: Function) -> int:
    held = sum(function.claimed)
    window = _window(function)
    if held <= window // 2:
        return window - held
    # What waits beyond the window must not wait for less urgent jobs that are held already.
    ahead = 0
    for claimed, spilled in zip(function.claimed, function.spilled, strict=False):
        ahead += claimed
        if spilled:
            return window - ahead if ahead <= window // 2 else 0
    return 0


def leave_claimed(state: State, function: Function, priority: int, bytes_before: int) -> None:
    """Note that a claimed job of this priority has left, and ask for more where that made room.

    `bytes_before` is what claimed jobs had before it left.
    """
    if function.pace is not None:
        function.pace.ended()
    half = state.settings.window_bytes // 2
    if half and bytes_before > half:
        if state.queue.claimed_bytes <= half or not any(function.claimed):
            state.signals.wants_claim = True
        return
    again = _window(function) // 2
    held = 0
    for rank, claimed in enumerate(function.claimed):
        held += claimed
        if held == again and rank >= priority:
            state.signals.wants_claim = True


def add_claimed(state: State, jobs: Iterable[ClaimedJob]) -> None:
    """Take in what the store has claimed. It counts against no limit."""
    queue = state.queue
    returned: list[ClaimedJob] = []
    for claimed in jobs:
        if claimed.handle in queue.jobs or claimed.handle in state.window.cancelled:
            continue
        if state.shared:
            there = queue.functions.get(claimed.function)
            if state.retiring or there is None or not there.workers:  # for other nodes: the last worker left meanwhile
                state.journal.end(Release(claimed.handle))
                continue
        if not claimed.handle.startswith(ENQUEUED):
            returned.append(claimed)
            continue
        function = queue.function(claimed.function)
        is_counted = claimed.attempts or function.added < function.sample_at  # one that is tried again was counted
        make = EnqueuedJob if is_counted else sample(queue, function, EnqueuedJob)
        job: EnqueuedJob = make(claimed, function.name)
        if job.attempts:
            restore_doubling(state, job)
        key = coalescing_key(job.unique_key, job.payload)
        # The table keeps its unique keys apart from those of jobs that came over a socket.
        queue.add(function, job, None if key in function.uniques else key)
        count_claimed(function, claimed)
        _have(state, function, job)
        if claimed.enqueued is not None and not job.due:
            job.since = moment_of(queue, claimed.enqueued)
    _take_back(state, returned)


def _take_back(state: State, returned: list[ClaimedJob]) -> None:
    queue = state.queue
    counts = Counter(claimed.function for claimed in returned)
    for claimed in returned:
        function = queue.function(claimed.function)
        # The first of them is a sample of all.
        weight = counts.pop(claimed.function, 0)
        make = sample_of_many(queue, function, weight) if weight else ReclaimedJob
        job: ReclaimedJob = make(
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
        _have(state, function, job)


def _have(state: State, function: Function, job: Job) -> None:
    claimed = function.claimed
    if claimed is ZEROS:
        claimed = function.own("claimed")
    claimed[job.priority] += 1
    state.queue.claimed_bytes += len(job.payload)
    state.window.enter(job)
    state.make_ready(function, job)


def record_backlog(state: State, backlog: Iterable[Backlog]) -> int:
    """Know what waits beyond the window from before the start; return how many jobs that is."""
    queue = state.queue
    count = 0
    for part in backlog:
        function = queue.function(part.function)
        function.added += part.jobs
        function.restored += part.jobs
        function.total += part.jobs
        queue.count_spilled(function, line_of(part.priority, part.due), part.jobs)
        count += part.jobs
    return count
