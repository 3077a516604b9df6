"""Events of time: due jobs, deadlines of running ones, schedules. Reads no clock: times are arguments.

Times are `now`, in seconds on a clock that never steps, and `wall`, in seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .jobs import STORING
from .leaving import go_on
from .replies import created
from .schedule import next_time
from .sleepers import wake

if TYPE_CHECKING:
    from .jobs import Job
    from .lifecycle import JobLifecycle


def tick(lifecycle: JobLifecycle, now: float, wall: float) -> float | None:
    """Do what is due; return in how many seconds something will be, None for never."""
    queue = lifecycle.queue
    queue.now, queue.wall_ahead = now, wall - now
    unplanned, lifecycle.unplanned = lifecycle.unplanned, []
    for job, schedule in unplanned:
        job.due = next_time(schedule, wall)
        _planned(lifecycle, job)
    lifecycle.signals.wants_tick = False
    for job, milliseconds in lifecycle.deadlines.expired(now):
        lifecycle.time_out(job, milliseconds)
    for job in queue.due_jobs(wall):
        wake(queue.functions[job.function], lifecycle.settings.worker_wakeup)
    pauses: list[float] = [0.0] if go_on(lifecycle) else []
    deadline = lifecycle.deadlines.next()
    if deadline is not None:
        pauses.append(deadline - now)
    due = queue.next_due()
    if due is not None:
        pauses.append(due - wall)
    settled = lifecycle.settling.tick(now)
    if settled is not None:
        pauses.append(settled)
    return max(0.0, min(pauses)) if pauses else None


def _planned(lifecycle: JobLifecycle, job: Job) -> None:
    """The job's due time is known: now it is like any other that is due later."""
    if lifecycle.durable and job.state == STORING:
        lifecycle.journal.put(job, spilled=job.spilled)
        return
    ticket = job.ticket
    assert ticket is not None  # it was promised a reply when it came
    job.ticket = None
    ticket.reply = created(job.handle)
    if job.state == STORING:  # not cancelled since
        lifecycle.make_ready(lifecycle.queue.functions[job.function], job)
    for peer in ticket.peers:
        peer.release()
