"""The bound on settlements that the store has not written yet, and the waiting of workers for it.

WORK_COMPLETE has no answer in Gearman's protocol, so a worker does not wait for the store: what it finished is written
when the store gets to it, and is done again if the server dies before. This bounds how much that can be.

Rules of this file:
1. A worker that has to wait gets NO_JOB, and is woken by the commit after which it need not wait any more.
2. Jobs that run count as well, for all of them can end before the next commit. While nothing is unwritten each worker
   gets a job all the same: so the limit is `most` settlements, or one for each worker if those are more.
3. Foreground jobs are not stored. Where workers have waited for long the store is away, and they get those meanwhile.
4. A grab does not ask here before `queue.open_until`, when no worker has to wait: see gate.py.
5. It reads no clock: times are arguments, one for all that was read at a time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gearbridge.wire.packets import NOOP

from .sleepers import mark_awake

if TYPE_CHECKING:
    from .jobs import Job, Worker
    from .peer import Peer
    from .queue import JobQueue
    from .state import State

#: Seconds for which what was finished may be unwritten.
MOST_SECONDS = 0.2
#: Seconds of waiting after which foreground jobs are looked for, behind background jobs that are not given out.
_PATIENCE = 1.0


def has_ready(queue: JobQueue, peer: Peer) -> bool:
    """Return whether there is a job that this worker would be given."""
    return queue.has_ready(peer.turns) or (peer.wide is not None and peer.wide.has_ready(queue))


class Settling:
    """`most` is how many settlements may be unwritten; 0: none of the worker that asks for a job.

    `kept` are the handles of those that the store failed to write, and that are written later.
    """

    def __init__(self, state: State, most: int) -> None:
        self.kept: frozenset[bytes] = frozenset()
        self._state = state
        self._journal = state.journal
        self.each = most == 0
        self._most = most
        self._last: dict[Worker, tuple[int, bytes]] = {}  # what each finished last: its number and its handle
        self._waiting: dict[Peer, None] = {}
        self._since = 0.0  # when the first of them began to wait

    @property
    def unwritten(self) -> int:
        """Number of settlements that are not durable yet."""
        return self._journal.unsettled + len(self.kept)

    def ended(self, job: Job) -> None:
        """Note that a job was settled: of each one where `each` worker waits for its own, else from `look_at` on."""
        journal, queue = self._journal, self._state.queue
        if not self.each:
            journal.ended_at(queue.now)
            journal.look_at = math.inf  # `clear_until` sets it
        elif job.worker is not None:
            self._last[job.worker] = (journal.settlements, job.handle)
        queue.open_until = min(queue.open_until, self.clear_until())

    def left(self, peer: Peer) -> None:
        """Forget a connection that is gone."""
        self._last.pop(peer, None)
        self._waiting.pop(peer, None)

    def clear_until(self) -> float:
        """Return until when no worker has to wait; -infinity: one may have to. It holds up to the `look_at`s."""
        if self.each:
            return -math.inf if self._last else math.inf
        journal, queue = self._journal, self._state.queue
        if not self.unwritten:
            journal.look_at = 0
            queue.look_at = math.inf
            return math.inf
        room = self._most - self.unwritten - queue.running
        if room <= 0:
            return -math.inf
        # Each job that is given out from now on either still runs or has ended: the limit is not reached before there
        # are half as many more of the one kind or of the other.
        journal.look_at = min(journal.look_at, journal.settlements + room // 2 + 1)
        queue.look_at = queue.running + room - room // 2
        return journal.oldest + MOST_SECONDS

    def must_wait(self, peer: Peer) -> bool:
        """Return whether this worker gets no background job now; it is woken when it does."""
        if not self._is_over(peer):
            return False
        if not self._waiting:
            self._since = self._state.queue.now
            self._state.signals.wants_tick = True
        self._waiting[peer] = None
        return True

    def has_foreground(self, peer: Peer) -> bool:
        """Return whether there is a job for a worker that must wait."""
        queue = self._state.queue
        if queue.now - self._since < _PATIENCE:
            return False
        before, queue.withheld = queue.withheld, True
        try:
            return has_ready(queue, peer)
        finally:
            queue.withheld = before

    def committed(self) -> None:
        """Wake the workers that need not wait any more."""
        if self._last and not self.unwritten:
            self._last.clear()
        if self.kept:  # they may be more than before
            self._journal.look_at = 0
            self._state.queue.open_until = -math.inf
        if not self._waiting:
            return
        for peer in [peer for peer in self._waiting if not self._is_over(peer)]:
            del self._waiting[peer]
            if peer.sleeping and has_ready(self._state.queue, peer):
                self._wake(peer)

    def tick(self, now: float) -> float | None:
        """Wake those for whom there is a foreground job once they have waited for long; seconds until then, or None."""
        if not self._waiting:
            return None
        left = self._since + _PATIENCE - now
        if left > 0:
            return left
        for peer in list(self._waiting):
            if peer.sleeping and self.has_foreground(peer):
                self._wake(peer)
        return None

    def _is_over(self, peer: Peer) -> bool:
        journal = self._journal
        if self.each:
            number, handle = self._last.get(peer, (0, b""))
            return number > journal.settlements - journal.unsettled or handle in self.kept
        queue, unwritten = self._state.queue, self.unwritten
        if unwritten and unwritten + queue.running >= self._most:
            return True
        return queue.now - journal.oldest > MOST_SECONDS

    def _wake(self, peer: Peer) -> None:
        mark_awake(peer)
        peer.send(NOOP)
