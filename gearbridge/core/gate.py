"""The jobs that a worker may be given now: all, or only foreground jobs, or none.

Rules of this file:
1. Until `queue.open_until`, on the shell's clock, every worker may have every job: one comparison for each
   grab. It is never too late: what makes it earlier sets it at once. Once it is over each grab looks here.
2. What makes it later need not be set: the next look finds that.
3. The look is at the grab, not on a timer only: a process that was stopped for long reads first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .ownership import suspend
from .settling import has_ready
from .sleepers import pass_on

if TYPE_CHECKING:
    from .function import Function
    from .jobs import Job
    from .lifecycle import JobLifecycle
    from .peer import Peer


class Gate:
    """Looks whether what is in the table is this server's to give out, and whether too much is unwritten."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle

    def take(self, peer: Peer) -> tuple[Job, Function] | None:
        """Take the job that is next for this worker, of those that it may be given."""
        lifecycle, queue, settling = self._lifecycle, self._lifecycle.queue, self._lifecycle.settling
        lease = lifecycle.lease
        if queue.now > lease.until and not lifecycle.signals.lease_lost:
            suspend(lifecycle)
        if settling.must_wait(peer):
            if settling.has_foreground(peer):
                return queue.take_foreground([*peer.functions], peer)
            pass_on(queue, peer)
            return None
        if queue.withheld:
            queue.open_until = -math.inf
            return queue.take_foreground([*peer.functions], peer)
        queue.open_until = min(lease.until, settling.clear_until())
        if peer.wide is not None:
            return peer.wide.take(queue)
        return queue.take(peer.turns, peer.turn, peer)

    def has_job(self, peer: Peer) -> bool:
        """Return whether this worker would be given a job."""
        settling = self._lifecycle.settling
        return settling.has_foreground(peer) if settling.must_wait(peer) else has_ready(self._lifecycle.queue, peer)
