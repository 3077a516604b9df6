"""Jobs whose attempt failed: they wait for the next one, or are kept as failed.

Rules of this file:
1. A job whose row can be claimed waits for its next attempt in the table, for any server's workers. Another job waits
   in memory, and so does one that a foreground client has joined, which would not get its result otherwise.
2. The due time is the store's, which has its own clock; the one computed here is for jobs that wait in memory.
3. Reads no clock: the moment is `queue.now`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gearbridge.backoff import pause_before
from gearbridge.records import Failed, Retry

from .claims import leave_claimed
from .retry_limits import limit_by_rule

if TYPE_CHECKING:
    from .jobs import Job, ReclaimedJob
    from .state import State


def wait_here(state: State, job: Job, error: str) -> None:
    """Have a running job wait in memory; the attempt that failed is in its `attempts` already."""
    queue = state.queue
    _leave_worker(job)
    state.deadlines.cancel(job)
    if state.is_kept(job) and job.ticket is None:  # else its row is not there yet
        if job.claimed:
            state.journal.update(job)  # its row stays this server's
        else:
            state.journal.end(Retry(job.handle, job.attempts, error))
        queue.open_until = -math.inf  # that counts as unwritten
    queue.postpone(job, math.ceil(queue.now + queue.wall_ahead) + pause_before(job.handle, job.attempts))
    if state.retiring and state.is_kept(job):
        queue.withhold(job)
    else:
        state.signals.wants_tick = True


def wait_in_table(state: State, job: ReclaimedJob, error: str) -> None:
    """Have a running job that came over a socket wait in the table, where it was claimed."""
    queue = state.queue
    function = queue.functions[job.function]
    _leave_worker(job)
    state.deadlines.forget(job)
    state.journal.end(Retry(job.handle, job.attempts, error))
    queue.open_until = -math.inf  # that counts as unwritten
    state.window.leave(job)
    claimed_bytes = queue.claimed_bytes
    job.due = 1  # counted among those that are due later; the row has the time
    queue.give_back(job)
    function.lost += 1
    leave_claimed(state, function, job.priority, claimed_bytes)


def kept_as_failed(state: State, job: Job, error: str) -> Failed | None:
    """Return the operation that keeps the row of a job that has failed for good; None where no rule is for the job.

    None too where the store has no rows, or does not have this one yet.
    """
    if limit_by_rule(state, job) and state.window.takes_all and job.ticket is None:
        return Failed(job.handle, job.attempts + 1, error)
    return None


def _leave_worker(job: Job) -> None:
    if job.worker is not None:
        job.worker.jobs.pop(job.handle, None)
