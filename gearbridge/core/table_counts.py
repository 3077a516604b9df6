"""Counts of what waits in the job table unclaimed, as the store counted it: so that jobs without workers are seen too.

Rules of this file:
1. What SQL enqueued is counted beside a function's own jobs, never in `total`: limits of waiting jobs and the order of
   jobs do not depend on it.
2. What came over a socket is counted by the store only where other nodes have the table too; a server that has it
   alone knows those counts exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .function import NONE_ENQUEUED

if TYPE_CHECKING:
    from gearbridge.records import ClaimedJob, RowsWaiting, WaitingRows

    from .function import Function
    from .queue import JobQueue
    from .state import State


def recount(state: State, counted: RowsWaiting) -> None:
    """Apply a count of the waiting rows."""
    queue = state.queue
    under_way = _under_way(queue) if state.shared else {}
    for rows in counted.functions:
        function = queue.functions.get(rows.function)
        if function is None:
            if not any(rows.spilled) and not (any(rows.enqueued) and queue.has_room_for(rows.function)):
                continue
            function = queue.function(rows.function)
        _set_enqueued(function, rows)
        if state.shared:
            coming = under_way.get(rows.function, (0, 0, 0, 0))
            queue.recount(function, [there + more for there, more in zip(rows.spilled, coming, strict=True)])
    if counted.is_whole:
        named = {rows.function for rows in counted.functions}
        for function in queue.functions.values():
            if function.name not in named:
                function.enqueued, function.oldest_row = NONE_ENQUEUED, None
                if state.shared and any(function.spilled):
                    queue.recount(function, under_way.get(function.name, [0, 0, 0, 0]))


def count_claimed(function: Function, claimed: ClaimedJob) -> None:
    """A row that SQL enqueued is claimed: it is one of the function's own jobs now."""
    enqueued = function.enqueued
    line = 3 if claimed.due and enqueued[3] else claimed.priority
    if enqueued[line]:  # else it came after the last count
        assert isinstance(enqueued, list)
        enqueued[line] -= 1


def moment_of(queue: JobQueue, enqueued: int) -> float:
    """Return when a row was enqueued, at the latest, on the shell's clock: the table has whole seconds."""
    return min(queue.now, enqueued + 1 - queue.wall_ahead)


def _set_enqueued(function: Function, rows: WaitingRows) -> None:
    function.enqueued = [*rows.enqueued] if any(rows.enqueued) else NONE_ENQUEUED
    function.oldest_row = rows.oldest


def _under_way(queue: JobQueue) -> dict[bytes, list[int]]:
    """Return the jobs that are on their way to the table, by function and line."""
    found: dict[bytes, list[int]] = {}
    for job in queue.jobs.values():
        if job.spilled:
            found.setdefault(job.function, [0, 0, 0, 0])[job.line] += 1
    return found
