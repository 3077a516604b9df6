"""What happens to jobs once they are admitted: ended, failed, lost, taken back. Packets go to the peers concerned.

It knows the queue, the journal and the peers; it knows no packet that comes in, no socket and no clock.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED, Drop, Operation, Retry
from gearbridge.wire import commands
from gearbridge.wire.packets import response

from .abilities import unregister
from .claims import leave_claimed
from .enqueued import EnqueuedJob
from .jobs import QUEUED, ReclaimedJob, line_of
from .ownership import release, release_job
from .replies import send_to_clients
from .retry_limits import MOST_LOST, limit_by_rule, limit_of, pauses_after_loss
from .retrying import kept_as_failed, wait_here, wait_in_table
from .settling import Settling
from .sleepers import pass_on, wake
from .state import State
from .table_lookups import TableLookups

if TYPE_CHECKING:
    from gearbridge.records import WaitingJob

    from .function import Function
    from .jobs import Job
    from .peer import Peer
    from .settings import Settings


#: The error of an attempt whose worker is gone.
LOST = "its worker was lost"
#: A job lost so often is logged, and again each time that it was lost so many times more.
_OFTEN, _AND_AGAIN = 3, 10


class JobLifecycle(State):
    """The state of one server with the changes of its jobs."""

    def __init__(self, settings: Settings, *, durable: bool, claimable: bool = False, owned: bool = False) -> None:
        super().__init__(settings, durable=durable, claimable=claimable, owned=owned)
        self.lookups = TableLookups(self, settings.store_patience)
        self.settling = Settling(self, settings.unsettled)

    def finish(self, job: Job, ending: Operation | None = None) -> None:
        """End a job; the caller sends the packets to its clients.

        `ending` is the operation for the store, if that is not just to forget the job.
        """
        if job.background and self.durable:
            journal = self.journal
            self.window.leave(job)
            journal.end(ending or Drop(job.handle))
            if journal.settlements >= journal.look_at:
                self.settling.ended(job)
        if job.worker is not None:
            job.worker.jobs.pop(job.handle, None)
        if self.deadlines.jobs:
            self.deadlines.forget(job)
        if job.clients:
            for client in job.clients:
                client.awaited.pop(job.handle, None)
        claimed_bytes = self.queue.claimed_bytes
        self.queue.remove(job)
        if job.background and job.unique_key:
            self.finished.remember(job)
        if job.claimed:
            leave_claimed(self, self.queue.functions[job.function], job.priority, claimed_bytes)

    def fail(self, job: Job, error: str) -> None:
        """End the job and send its clients WORK_FAIL. It may be retried later, by a rule or as SQL has asked for."""
        if self.retries(job, error):
            return
        self.send_failed(job)
        self.finish(job, self.failed_attempt(job, error))

    def failed_attempt(self, job: Job, error: str) -> Operation | None:
        """Count and remember a failed attempt; return the store's operation, None for one that forgets the job."""
        function = self.queue.functions[job.function]
        ending = job.failed(error) if isinstance(job, EnqueuedJob) else kept_as_failed(self, job, error)
        if isinstance(ending, Retry):
            function.put_back += 1
        else:
            function.failed += 1
            self.failures.note(job, error, self.queue.now)
            if job.background:
                self.incidents.failed(job, error)
        return ending

    def retries(self, job: Job, error: str) -> bool:
        """Have a job whose attempt failed wait for another one, if a rule says so; return whether it does."""
        if job.attempts + 1 >= limit_by_rule(self, job):
            return False
        job.attempts += 1
        self._postpone(job, error)
        return True

    def _postpone(self, job: Job, error: str) -> None:
        """Have a running job wait for its next attempt; the last one is in its `attempts` already."""
        if job.clients or not isinstance(job, (EnqueuedJob, ReclaimedJob)):
            wait_here(self, job, error)
        elif isinstance(job, ReclaimedJob):
            wait_in_table(self, job, error)
        else:
            self.queue.functions[job.function].put_back += 1
            self.finish(job, Retry(job.handle, job.attempts, error))

    def send_failed(self, job: Job) -> None:
        """Send WORK_FAIL to the clients that wait for the job."""
        send_to_clients(job, response(commands.WORK_FAIL, job.handle))

    def cancel(self, job: Job) -> None:
        """End the job and send its clients WORK_FAIL; it is not retried."""
        self.send_failed(job)
        if job.worker is not None:
            job.worker.take_away(job.handle)
        self.queue.functions[job.function].cancelled += 1
        self.finish(job)

    def cancel_spilled(self, job: WaitingJob) -> None:
        """End a job that waits in the table, and that is not claimed from now on."""
        self.window.cancelled.add(job.handle)
        self.journal.end(Drop(job.handle))
        function = self.queue.functions.get(job.function)
        line = line_of(job.priority, job.due)
        if function is not None and function.spilled[line] and not job.handle.startswith(ENQUEUED):
            function.total -= 1
            function.cancelled += 1
            self.queue.count_spilled(function, line, -1)

    def abandon(self, job: Job) -> None:
        """End a job without waiting clients."""
        self.queue.functions[job.function].abandoned += 1
        self.finish(job)

    def requeue_after_worker_loss(self, job: Job, why: str = LOST) -> None:
        """The job's worker is gone or took too long: the job goes to another, unless that happened too often.

        `why` is its error then.
        """
        worker = job.worker
        if worker is not None:
            worker.take_away(job.handle)
        self.deadlines.cancel(job)
        job.attempts += 1
        if not job.background and not job.clients:
            self.abandon(job)
            return
        limit = limit_of(self, job)
        if limit < 0 and isinstance(job, EnqueuedJob):
            limit = MOST_LOST
        if isinstance(job, EnqueuedJob):
            job.begin_result()
        if job.attempts == _OFTEN or job.attempts % _AND_AGAIN == 0:
            self._note_lost(job)
        if limit >= 0 and job.attempts >= max(limit, 1):
            job.attempts -= 1  # `fail` counts the attempt itself
            self.fail(job, why)
            return
        if pauses_after_loss(self, job):
            self._postpone(job, why)
            return
        if job.background and self.durable:
            self.journal.update(job)
            self.queue.open_until = -inf  # that counts as unwritten
        self.queue.requeue(job)
        function = self.queue.functions[job.function]
        if self.shared and job.claimed and not job.clients and (self.retiring or not function.workers):
            release_job(self, job)
        elif self.retiring and self.is_kept(job):
            self.queue.withhold(job)
        else:
            wake(function, self.settings.worker_wakeup)

    def time_out(self, job: Job, milliseconds: int) -> None:
        """Take a running job, which had so much time, from its worker, as one whose worker is lost."""
        worker = job.worker
        if worker is None:
            return  # an earlier one of those that are late at this moment had it ended
        seconds = milliseconds / 1000
        self.incidents.timed_out(job, worker, seconds)
        if limit_of(self, job) < 0:
            self.deadlines.miss(job)
        self.requeue_after_worker_loss(job, f"its worker did not end it within its time-out of {seconds:g} s")

    def _note_lost(self, job: Job) -> None:
        handle = job.handle.decode("ascii", "backslashreplace")
        function = job.function.decode("utf-8", "backslashreplace")
        self.note(f"job {handle} of {function!r} was lost {job.attempts} times: its workers end or take too long")

    def forget_abilities(self, peer: Peer) -> None:
        """The peer can do nothing any more. What it runs stays its own; if it sleeps, it goes on to."""
        functions = [*reversed(peer.functions)]
        for function in functions:
            unregister(peer, function)
        pass_on(self.queue, peer)
        for function in functions:
            self.left_by_worker(function)
        self.queue.forget_unused(functions)

    def left_by_worker(self, function: Function) -> None:
        """Handle the loss of a worker of this function. Without any here, other nodes may have workers for it."""
        if self.shared and not function.workers:
            release(self, function)

    def left_by_client(self, job: Job) -> None:
        """Handle the loss of the last client that waited for a job which lives on. Another node may have workers."""
        if self.shared and job.claimed and job.state == QUEUED and not self.queue.functions[job.function].workers:
            release_job(self, job)
