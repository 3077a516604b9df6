"""What time brings: due jobs, deadlines of running ones, schedules. It knows no clock: times are told.

Times are `now`, in seconds on a clock that never steps, and `wall`, in seconds since 1970.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .jobs import STORING
from .replies import created
from .schedule import next_time

if TYPE_CHECKING:
    from .jobs import Job
    from .lifecycle import JobLifecycle


def tick(lifecycle: JobLifecycle, now: float, wall: float) -> float | None:
    """Do what is due; return in how many seconds something will be, None for never."""
    queue = lifecycle.queue
    queue.now = now
    unplanned, lifecycle.unplanned = lifecycle.unplanned, []
    for job, schedule in unplanned:
        job.due = next_time(schedule, wall)
        _planned(lifecycle, job)
    lifecycle.wants_tick = False
    for job in lifecycle.deadlines.expired(now):
        lifecycle.lose(job)
    for job in queue.due_jobs(wall):
        lifecycle.wake(queue.functions[job.function])
    pauses: list[float] = []
    deadline = lifecycle.deadlines.next()
    if deadline is not None:
        pauses.append(deadline - now)
    due = queue.next_due()
    if due is not None:
        pauses.append(due - wall)
    return max(0.0, min(pauses)) if pauses else None


def _planned(lifecycle: JobLifecycle, job: Job) -> None:
    """The job's due time is known: now it is like any other that is due later."""
    if lifecycle.durable and job.state == STORING:
        lifecycle.journal.put(job, beyond=job.beyond)
        return
    ticket = job.ticket
    assert ticket is not None  # it was promised a reply when it came
    job.ticket = None
    ticket.reply = created(job.handle)
    if job.state == STORING:  # not cancelled since
        lifecycle.make_ready(lifecycle.queue.functions[job.function], job)
    for peer in ticket.peers:
        peer.release()
