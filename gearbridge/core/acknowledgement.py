"""How submits are answered once the store has written, refused or not answered: JOB_CREATED, or an ERROR.

It knows the queue, the journal and the peers that wait; it knows no packet that comes in, no socket and no clock.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from gearbridge.records import Drop, Put
from gearbridge.wire.packets import error

from .jobs import GONE, RUNNING, STORING, Job
from .replies import created

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gearbridge.records import Operation

    from .lifecycle import JobLifecycle
    from .pending_reply import Holder

_NONE: Mapping[bytes, bytes] = MappingProxyType({})


class Acknowledgement:
    """The answers to the submits of one lifecycle."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle
        self._queue = lifecycle.queue
        self._window = lifecycle.window
        self._order = lifecycle.order

    def committed(
        self, group: Sequence[Operation], errors: Mapping[int, str], joined: Mapping[bytes, bytes] = _NONE
    ) -> None:
        """Acknowledge an applied commit group; `errors` has the operations that failed, by index, with the reason.

        `joined` has the handles of jobs that coalesced with one that waits in the table, and the handle of that one.
        """
        overdue = self._lifecycle.journal.group_done()
        functions, order = self._queue.functions, self._order
        waiting: dict[Holder, None] = {}
        for index, operation in enumerate(group):
            if isinstance(operation, Put) and isinstance(operation.job, Job):
                job = operation.job
                if index < overdue:
                    if index not in errors:
                        self._forget_overdue(job)
                    continue
                ticket = job.ticket
                job.ticket = None
                if index in errors:
                    reply = error(b"QUEUE_ERROR", errors[index].encode())
                    self._refused(job)
                else:
                    other = joined.get(job.handle) if joined else None
                    reply = created(other or job.handle)
                    if job.state == STORING:
                        self._stored(job, counts=other is None)
                if ticket is not None:
                    ticket.reply = reply
                    for peer in ticket.peers:
                        waiting[peer] = None
                function = functions.get(job.function)
                if function is not None and function.storing is job:
                    function.storing = None
                if order.followers:
                    for follower in order.settled(job):
                        self._lifecycle.make_ready(functions[follower.function], follower)
        self._release(waiting, group)

    def _release(self, waiting: Iterable[Holder], group: Sequence[Operation]) -> None:
        """Let out the replies that waited for a group, and let go on what else waited for it."""
        for peer in waiting:
            peer.release()
        self._lifecycle.settling.committed()
        cancelled = self._window.cancelled
        if cancelled:  # and deleted now, so that no claim brings them
            cancelled.difference_update(one.handle for one in group if isinstance(one, Drop))

    def refuse_overdue(self, now: float) -> float | None:
        """Refuse what has waited for its commit for too long; return in how many seconds to look again."""
        journal = self._lifecycle.journal
        late = journal.overdue(now)
        reply = error(b"QUEUE_ERROR", f"the store cannot be reached: {self._lifecycle.store_trouble}".encode())
        waiting: dict[Holder, None] = {}
        for put in late:
            job = put.job
            if not isinstance(job, Job):
                continue
            ticket = job.ticket
            self._refused(job)
            job.ticket = None  # not before: its payload may be on its way to the store
            self._lifecycle.overdue.append(job)
            if ticket is not None:
                ticket.reply = reply
                waiting.update(dict.fromkeys(ticket.peers))
        for peer in waiting:
            peer.release()
        return journal.next_look()

    def _forget_overdue(self, job: Job) -> None:
        """A job whose submit was refused was written all the same."""
        # Not where it was submitted once more since, nor where another node's client may have joined it by its key.
        if not job.background and not (self._lifecycle.shared and job.unique_key):
            self._lifecycle.journal.end(Drop(job.handle))

    def _stored(self, job: Job, *, counts: bool) -> None:
        function = self._queue.functions[job.function]
        if not job.spilled:
            self._lifecycle.make_ready(function, job)
            return
        if counts:
            self._queue.let_go(job)
        else:
            function.added -= 1
            self._queue.remove(job)
        self._window.leave(job)
        if function.workers:
            self._lifecycle.signals.wants_claim = True

    def _refused(self, job: Job) -> None:
        """The store would not keep the job. Who was promised only a result, before, may still get it."""
        if job.background and job.state != GONE:
            self._window.leave(job)
        job.background = False
        if job.state == STORING:
            for client in job.clients or ():
                client.awaited.pop(job.handle, None)  # its submit is answered with the error
        elif job.clients or job.state in {RUNNING, GONE}:
            return
        self._queue.functions[job.function].abandoned += 1
        self._lifecycle.deadlines.forget(job)
        self._queue.remove(job)
