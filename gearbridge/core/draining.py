"""A graceful end: what the store keeps is left to the next server, what would be lost with this one is still done.

It knows the queue; it knows no packet and no connection.

gearmand: waits until there is no job at all, so that with a long queue, or without workers, it never ends. Here: only a
running job, and one that is in memory only, is waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import NO_JOB, error

from .jobs import QUEUED
from .ownership import release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .commands.client import Handler
    from .lifecycle import JobLifecycle
    from .peer import Peer

SUBMITS = (
    *(commands.SUBMIT_JOB, commands.SUBMIT_JOB_HIGH, commands.SUBMIT_JOB_LOW, commands.SUBMIT_REDUCE_JOB),
    *(commands.SUBMIT_JOB_BG, commands.SUBMIT_JOB_HIGH_BG, commands.SUBMIT_JOB_LOW_BG),
    *(commands.SUBMIT_JOB_EPOCH, commands.SUBMIT_JOB_SCHED, commands.SUBMIT_REDUCE_JOB_BACKGROUND),
)
STOPPING = error(b"QUEUE_ERROR", b"The server is stopping")


def drain(lifecycle: JobLifecycle) -> None:
    """Take what the store keeps out of the workers' reach, now and from now on."""
    lifecycle.retiring = True
    queue = lifecycle.queue
    if lifecycle.shared:
        for function in queue.functions.values():
            release(lifecycle, function)
    for job in queue.jobs.values():
        if job.state == QUEUED and lifecycle.is_kept(job):
            queue.withhold(job)


def take_no_more(lifecycle: JobLifecycle, table: list[Handler]) -> None:
    """Refuse submits, and give no job to a worker any more: clients that go on would keep the server for ever."""
    lifecycle.takes_no_more = True
    for command in SUBMITS:
        table[command] = _refuse
    for command in (commands.GRAB_JOB, commands.GRAB_JOB_UNIQ, commands.GRAB_JOB_ALL):
        table[command] = _no_job
    queue = lifecycle.queue
    for job in queue.jobs.values():
        if job.state == QUEUED:
            queue.withhold(job)


def _refuse(peer: Peer, _args: Sequence[bytes]) -> None:
    peer.send(STOPPING)


def _no_job(peer: Peer, _args: Sequence[bytes]) -> None:
    peer.send(NO_JOB)


def is_idle(lifecycle: JobLifecycle) -> bool:
    """Return whether no job runs, and none waits that would be lost if the server ended now. Call after `drain`."""
    queue = lifecycle.queue
    if lifecycle.takes_no_more:
        return not any(function.running for function in queue.functions.values())
    if not lifecycle.durable:
        return not queue.jobs
    functions = list(queue.functions.values())
    running = any(function.running for function in functions)
    return not (lifecycle.order.followers or running or queue.has_ready(functions))
