"""What happens to jobs once they are admitted: given out, lost, ended. Packets go to the peers concerned.

It knows the queue, the journal and the peers; it knows no packet that comes in, no socket and no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED, Drop, Operation
from gearbridge.wire import commands
from gearbridge.wire.packets import NOOP, response

from .claims import makes_room
from .deadlines import Deadlines
from .failures import Failures, failed_attempt
from .finished import Finished
from .jobs import RUNNING, EnqueuedJob, Function, Job, line_of
from .journal import Journal
from .lease import Lease, release, release_job
from .questions import Questions
from .queue import JobQueue
from .replies import tell
from .window import Window

if TYPE_CHECKING:
    from gearbridge.records import Limits, NodeStatus, WaitingJob

    from .peer import Peer
    from .schedule import Schedule
    from .settings import Settings


class JobLifecycle:
    """The queue with its journal. `durable` says whether background jobs must be stored before they exist.

    `claimable` says that jobs can wait in the store's table, and be claimed from there.
    """

    def __init__(self, settings: Settings, *, durable: bool, claimable: bool = False) -> None:
        self.settings = settings
        self.durable = durable
        self.queue = JobQueue()
        self.shared = settings.shared
        self.window = Window(
            self.queue, settings.window_jobs, settings.window_bytes, claimable=claimable, shared=settings.shared
        )
        self.lease = Lease()
        self.limits: dict[bytes, Limits] = {}  # set here, and not known to the other nodes yet
        self.nodes: tuple[NodeStatus, ...] = ()  # that share the table, as far as it is known
        self.questions = Questions()
        self.journal = Journal()
        self.failures = Failures()
        self.deadlines = Deadlines()
        self.finished = Finished()
        self.wants_tick = False  # something timed is new: the shell should call the engine's tick now
        self.retiring = False  # what the store keeps is left to the next server
        self.stop_asked: str | None = None  # by an admin command: "now" or "gracefully"
        self.wants_claim = False  # there is room for jobs of the table where there was none, or jobs where none were
        self.unplanned: list[tuple[Job, Schedule]] = []  # their due time is found at the next tick

    # Into the queue: see admission.py.

    def store(self, job: Job) -> None:
        """A job of this queue that was not to be stored so far is to be."""
        self.window.enter(job)
        self.journal.put(job, beyond=job.beyond)

    def make_ready(self, function: Function, job: Job) -> None:
        """A job is to be worked on, now or when it is due."""
        if self.retiring and self.is_kept(job):
            return
        if self.queue.make_ready(function, job):
            if function.sleepers:
                self.wake(function)
        else:
            self.wants_tick = True

    def is_kept(self, job: Job) -> bool:
        """Whether the job outlives this server."""
        return job.background and self.durable

    # Out of the queue.

    def finish(self, job: Job, ending: Operation | None = None) -> None:
        """The job has ended, well or badly; what its clients are told is the caller's.

        `ending` is what the store is told, if that is not just to forget it.
        """
        if job.background and self.durable:
            self.window.leave(job)
            self.journal.end(ending or Drop(job.handle))
        if job.worker is not None:
            job.worker.jobs.pop(job.handle, None)
            self.deadlines.cancel(job)
        if job.clients:
            for client in job.clients:
                client.awaited.pop(job.handle, None)
        self.queue.remove(job)
        if job.background and job.unique_key:
            self.finished.remember(job)
        if job.claimed:
            function = self.queue.functions[job.function]
            if function.pace is not None:
                function.pace.ended()
            if makes_room(function, job.priority):
                self.wants_claim = True

    def fail(self, job: Job, error: str) -> None:
        """End the job and tell its clients WORK_FAIL. One that SQL enqueued may be tried again, later."""
        self.tell_failed(job)
        self.finish(job, failed_attempt(self, job, error))

    def tell_failed(self, job: Job) -> None:
        """Tell those who wait for the job WORK_FAIL."""
        tell(job, response(commands.WORK_FAIL, job.handle))

    def cancel(self, job: Job) -> None:
        """End the job and tell its clients WORK_FAIL; nobody tries it again."""
        self.tell_failed(job)
        self.queue.functions[job.function].cancelled += 1
        self.finish(job)

    def cancel_beyond(self, job: WaitingJob) -> None:
        """End a job that waits in the table, and that nobody claims from now on."""
        self.window.cancelled.add(job.handle)
        self.journal.end(Drop(job.handle))
        function = self.queue.functions.get(job.function)
        line = line_of(job.priority, job.due)
        if function is not None and function.beyond[line] and not job.handle.startswith(ENQUEUED):
            function.total -= 1
            function.cancelled += 1
            self.queue.count_beyond(function, line, -1)

    def abandon(self, job: Job) -> None:
        """End a job that nobody waits for any more."""
        self.queue.functions[job.function].abandoned += 1
        self.finish(job)

    def lose(self, job: Job) -> None:
        """The job's worker is gone or took too long: the job goes to another, unless that happened too often."""
        worker = job.worker
        if worker is not None:
            worker.jobs.pop(job.handle, None)
        self.deadlines.cancel(job)
        job.attempts += 1
        if not job.background and not job.clients:
            self.abandon(job)
            return
        retries = self.settings.job_retries
        if isinstance(job, EnqueuedJob):
            job.begin_result()
            retries = job.max_attempts or retries
        if retries >= 0 and job.attempts >= max(retries, 1):
            job.attempts -= 1  # `fail` counts the attempt itself
            self.fail(job, "its worker was lost")
            return
        if job.background and self.durable:
            self.journal.update(job)
        self.queue.requeue(job)
        function = self.queue.functions[job.function]
        if self.shared and job.claimed and (self.retiring or not function.workers):
            release_job(self, job)
        elif self.retiring and self.is_kept(job):
            self.queue.withhold(job)
        else:
            self.wake(function)

    def leave(self, peer: Peer) -> None:
        """A connection is gone: its jobs go to others, and foreground jobs that only it waited for end."""
        for job in list(peer.jobs.values()):
            self.lose(job)
        for job in list(peer.awaited.values()):
            if job.clients is not None:
                job.clients = [client for client in job.clients if client is not peer]
            # gearmand: discards a background job too when a foreground client that had joined it leaves. Here such a
            # job lives on: somebody was promised it.
            if not job.clients and not job.background and job.state != RUNNING:
                self.abandon(job)
        peer.awaited.clear()
        self.forget_abilities(peer)

    # Workers.

    def wake(self, function: Function) -> None:
        """Tell sleeping workers that there is a job, once per sleep."""
        sleepers = function.sleepers
        if not sleepers:
            return
        chosen = list(sleepers)
        if self.settings.worker_wakeup:
            chosen = chosen[: self.settings.worker_wakeup]
        for peer in chosen:
            self.stir(peer)
            peer.send(NOOP)

    def stir(self, peer: Peer) -> None:
        """The peer sleeps no more."""
        peer.sleeping = False
        for function in peer.functions:
            function.sleepers.pop(peer, None)

    def forget_abilities(self, peer: Peer) -> None:
        """The peer can do nothing any more. What it runs stays its own until it ends it or leaves."""
        if peer.sleeping:
            self.stir(peer)
        functions = [*peer.functions]
        for function in functions:
            function.workers.pop(peer, None)
        peer.functions.clear()
        peer.turn = 0
        for function in functions:
            self.left_by_worker(function)

    def left_by_worker(self, function: Function) -> None:
        """A worker does this function no more. Where nobody does, other nodes may have workers for it."""
        if self.shared and not function.workers:
            release(self, function)
