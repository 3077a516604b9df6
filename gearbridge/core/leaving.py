"""Connections that are gone. The foreground jobs that only a client waited for end, so many at a time.

A client may have hundreds of thousands of them, and others are not to wait until all have ended.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .jobs import RUNNING
from .sleepers import mark_awake

if TYPE_CHECKING:
    from .lifecycle import JobLifecycle
    from .peer import Peer

#: Jobs that end at once; the next ones at the next tick.
PART = 5000


def leave(lifecycle: JobLifecycle, peer: Peer) -> None:
    """A connection is gone: its jobs go to others, and foreground jobs that only it waited for end."""
    for job in list(peer.jobs.values()):
        if job.background or job.clients:
            lifecycle.incidents.lost(job, peer)
        lifecycle.requeue_after_worker_loss(job)
    _leave_jobs(lifecycle, peer)
    lifecycle.settling.left(peer)
    if peer.sleeping:
        mark_awake(peer)
    lifecycle.forget_abilities(peer)


def _leave_jobs(lifecycle: JobLifecycle, peer: Peer) -> None:
    if not _end_some(lifecycle, peer):
        lifecycle.leaving.append(peer)
        lifecycle.signals.wants_tick = True


def go_on(lifecycle: JobLifecycle) -> bool:
    """End some more; whether there are any left."""
    if lifecycle.leaving and _end_some(lifecycle, lifecycle.leaving[0]):
        lifecycle.leaving.popleft()
    return bool(lifecycle.leaving)


def _end_some(lifecycle: JobLifecycle, peer: Peer) -> bool:
    """End some of the jobs; return whether none is left."""
    for job in list(islice(peer.awaited.values(), PART)):
        if job.clients is not None:
            job.clients = [client for client in job.clients if client is not peer]
        # gearmand: discards a background job too when a foreground client that had joined it leaves. Here such a
        # job lives on: somebody was promised it.
        if not job.clients and not job.background and job.state != RUNNING:
            lifecycle.abandon(job)
        elif not job.clients:
            lifecycle.left_by_client(job)
        peer.awaited.pop(job.handle, None)
    if peer.awaited:
        return False
    peer.forget()
    return True
