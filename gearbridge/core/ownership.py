"""Changes of who has the jobs in the table: in doubt, regained, lost to other nodes, given back to them.

Rules of this file:
1. A lease that could not be renewed in time is in doubt, no more: the database may be what was away, for all nodes.
   What was claimed stays, as do its runs and what they report, and nothing of it is given out.
2. Which jobs are another node's is known once the database was asked. Those are forgotten, by all counts, and so is
   what was to be written of them.
3. Reads no clock: times are arguments.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gearbridge.records import Release
from gearbridge.wire import commands
from gearbridge.wire.packets import response

from .jobs import RUNNING
from .replies import send_to_clients
from .sleepers import wake

if TYPE_CHECKING:
    from collections.abc import Collection

    from .function import Function
    from .jobs import Job
    from .state import State


def forget_lost_jobs(state: State, handles: Collection[bytes]) -> None:
    """Forget these claimed jobs, which other nodes have by now, with what became of them here.

    What a worker that has such a job reports about it from now on is ignored.
    """
    state.journal.forget(handles)
    queue = state.queue
    for job in [queue.jobs[handle] for handle in handles if handle in queue.jobs]:
        if not job.claimed:
            continue
        if job.state == RUNNING and job.worker is not None:
            job.worker.take_away(job.handle)
        state.deadlines.forget(job)
        for client in job.clients or ():
            client.awaited.pop(job.handle, None)
        send_to_clients(job, response(commands.WORK_FAIL, job.handle))
        state.window.leave(job)
        queue.give_back(job)


def suspend(state: State) -> None:
    """Give out none of the jobs that the store keeps, while the ownership of the job table is in doubt.

    They stay, as do their runs; workers get foreground jobs meanwhile.
    """
    state.lease.lose()
    state.queue.withheld = True
    state.queue.open_until = -math.inf


def resume(state: State, until: float) -> None:
    """This server has the table, and is sure of it until then, on the shell's clock."""
    state.lease.until = until
    state.queue.open_until = -math.inf
    if not state.signals.lease_lost:
        return
    state.signals.lease_lost = state.queue.withheld = False
    state.signals.wants_claim = True
    for function in list(state.queue.functions.values()):
        if state.queue.has_ready((function,)):
            wake(function, state.settings.worker_wakeup)


def release(state: State, function: Function) -> None:
    """Give back what was claimed of a function and no worker has: other nodes may have workers for it.

    A job that a client waits for stays, as the client's own would: no other node could tell the client of its end.
    """
    for job in list(state.queue.claimed(function)):
        if not job.clients:
            release_job(state, job)


def release_job(state: State, job: Job) -> None:
    """Give back one job that was claimed and no worker has."""
    state.journal.end(Release(job.handle))
    state.window.leave(job)
    state.deadlines.forget(job)
    state.queue.give_back(job)
