"""How jobs come in: admitted or joined to one that is there, made durable, acknowledged.

It knows the queue, the journal and the peers; it knows no packet that comes in, no socket and no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import MAX_FUNCTION, MAX_UNIQUE_KEY, Drop, StoredJob
from gearbridge.wire.packets import error

from .function import NO_JOBS
from .jobs import STORING, Job, SpilledJob, line_of
from .pending_reply import PendingReply
from .queue import coalescing_key
from .replies import created, created_headers
from .sampling import sample
from .sleepers import wake

if TYPE_CHECKING:
    from .failures import Failure
    from .function import Function
    from .lifecycle import JobLifecycle
    from .peer import Peer
    from .schedule import Schedule

QUEUE_FULL = error(b"QUEUE_ERROR", b"Job queue is full")
UNIQUE_TOO_LARGE = error(b"ARGUMENT_TOO_LARGE", b"Unique value too large")
TOO_MANY_FUNCTIONS = error(b"QUEUE_ERROR", b"Too many functions are known")
FUNCTION_TOO_LARGE = error(b"ARGUMENT_TOO_LARGE", b"Function name too large")


class Admission:
    """The way into the queue of one lifecycle."""

    def __init__(self, lifecycle: JobLifecycle) -> None:
        self._lifecycle = lifecycle
        self._queue = lifecycle.queue
        self._window = lifecycle.window
        self._order = lifecycle.order
        settings = lifecycle.settings
        self._wakeup = settings.worker_wakeup
        self._handle = f"{settings.handle_prefix}:{settings.life}".encode().replace(b"%", b"%%") + b"%d"
        self._number = settings.first_number - 1

    def submit(  # noqa: C901, PLR0911, PLR0912, PLR0915  one function, for a call costs as much as three of these branches
        self,
        peer: Peer,
        name: bytes,
        unique_key: bytes,
        payload: bytes,
        priority: int,
        background: bool,
        due: int = 0,
        reducer: bytes = b"",
        schedule: Schedule | None = None,
    ) -> None:
        """Admit a job, or join the unfinished one with the same unique key; the peer gets or is promised its reply.

        The hottest path there is, for every argument is given by position: Python is quicker then.
        """
        queue = self._queue
        function = queue.functions.get(name) or self._new_function(peer, name)
        if function is None:
            return
        key: object = None
        if unique_key:
            if len(unique_key) > MAX_UNIQUE_KEY:
                peer.send(UNIQUE_TOO_LARGE)
                return
            key = coalescing_key(unique_key, payload)
            if key in function.uniques and not (background and self._lifecycle.shared):
                self._join(peer, function.uniques[key], background)
                return
            if peer.once and background and (done := self._lifecycle.finished.find(name, unique_key)) is not None:
                peer.send(created(done))
                return
        limit = function.limits[priority]
        if limit and function.total >= limit:
            peer.send(QUEUE_FULL)
            return
        self._number += 1
        handle = self._handle % self._number
        make = Job if function.added < function.sample_at else sample(queue, function, Job)
        # The function's own name, not this packet's copy of it: a million jobs share one.
        job = make(handle, function.name, payload, unique_key, priority, due, 0, reducer)
        if background:
            job.background = True
            if schedule is not None or self._lifecycle.durable:
                may_be_beyond = (key is None and schedule is None) or self._lifecycle.shared
                if may_be_beyond and self._window.is_spilled(function, priority, due):
                    self._put_spilled(peer, function, job, schedule)
                    return
                queue.add(function, job, key)
                if schedule is not None:
                    self._promise(peer, job, schedule)
                    return
                if not due:
                    function.storing = job
                self._store(peer, job)
                return
        else:
            _attach(peer, job)
        if peer.dirty and not peer.held:
            peer.outbox.append(created_headers[len(handle)] + handle)  # as `send(created(handle))` would
        else:
            peer.send(created(handle))
            if peer.held and function.storing is not None and not background:
                queue.add(function, job, key)
                self._order.follow(job, function.storing)
                return
        if due:
            queue.add(function, job, key)
            self._lifecycle.make_ready(function, job)
            return
        # As `add` and `make_ready`, written out: a new Job is QUEUED already.
        queue.jobs[handle] = job
        if key is not None:
            (function.uniques or function.own_uniques())[key] = job
        function.total += 1
        function.added += 1
        job.since = queue.now
        if function.wide:
            function.line(priority).append(job)
            wake(function, self._wakeup)
            return
        ready = function.ready[priority]
        if ready is NO_JOBS:
            ready = function.line(priority)
        ready.append(job)
        if function.sleepers:
            wake(function, self._wakeup)

    def restore(self, stored: StoredJob) -> None:
        """Take back a job that the store kept from before the start. It counts against no limit."""
        function = self._queue.function(stored.function)
        job = Job(
            stored.handle,
            function.name,
            stored.payload,
            stored.unique_key,
            stored.priority,
            stored.due,
            stored.attempts,
            stored.reducer,
        )
        job.background = True
        self._queue.add(function, job, coalescing_key(job.unique_key, job.payload))
        function.restored += 1
        self._window.enter(job)
        self._lifecycle.make_ready(function, job)

    def repeat(self, peer: Peer, failure: Failure) -> bool:
        """Do a failed job once more, under its own handle; the peer gets or is promised JOB_CREATED.

        False, and nothing happens, when its payload is not here any more, when it is in the queue again, or when
        another unfinished job has its unique key. The row of a job that SQL enqueued becomes the server's own, in one
        commit group.
        """
        queue = self._queue
        old = failure.job
        function = queue.function(old.function)
        key = coalescing_key(old.unique_key, old.payload)
        if not failure.repeatable or old.handle in queue.jobs or key in function.uniques:
            return False
        job = Job(old.handle, function.name, old.payload, old.unique_key, old.priority, 0, 0, old.reducer)
        job.background = True
        self._lifecycle.failures.forget(failure)
        if self._lifecycle.shared:
            self._lifecycle.journal.end(Drop(job.handle))
            self._put_spilled(peer, function, job)
            return True
        queue.add(function, job, key)
        if self._lifecycle.durable:
            self._lifecycle.journal.end(Drop(job.handle))
            self._store(peer, job)
        else:
            peer.send(created(job.handle))
            self._lifecycle.make_ready(function, job)
        return True

    def _put_spilled(self, peer: Peer, function: Function, job: Job, schedule: Schedule | None = None) -> None:
        gone = SpilledJob(job.handle, job.function, job.payload, job.unique_key, job.priority, job.due, 0, job.reducer)
        gone.line = line_of(job.priority, job.due or schedule is not None)
        gone.background = True
        self._queue.add(function, gone, None)
        self._queue.count_spilled(function, gone.line, 1)
        self._promise(peer, gone, schedule)

    def _new_function(self, peer: Peer, name: bytes) -> Function | None:
        if len(name) > MAX_FUNCTION:
            peer.send(FUNCTION_TOO_LARGE)
            return None
        if not self._queue.has_room_for(name):
            peer.send(TOO_MANY_FUNCTIONS)
            return None
        return self._queue.function(name)

    def _promise(self, peer: Peer, job: Job, schedule: Schedule | None) -> None:
        """The reply has to wait: for the commit, or until the next tick has found the due time."""
        if schedule is None:
            self._store(peer, job)
            return
        if self._lifecycle.durable:
            self._window.enter(job)  # now, for it may be cancelled before it is planned
        self._lifecycle.unplanned.append((job, schedule))
        self._lifecycle.signals.wants_tick = True
        job.ticket = PendingReply()
        peer.hold(job.ticket)

    def _join(self, peer: Peer, job: Job, background: bool) -> None:
        if not background:
            _attach(peer, job)
        elif not job.background:
            # gearmand acknowledges this one and may lose it: the job it joined was in memory only. Here it becomes a
            # background job, and is acknowledged when that is durable.
            job.background = True
            if self._lifecycle.durable:
                self._store(peer, job)
                return
        # A foreground client may join what is already in the queue, whether or not it is stored yet.
        if job.ticket is not None and (background or job.state == STORING):
            peer.hold(job.ticket)
        else:
            peer.send(created(job.handle))

    def _store(self, peer: Peer, job: Job) -> None:
        job.ticket = PendingReply()
        self._lifecycle.store(job)
        peer.hold(job.ticket)


def _attach(peer: Peer, job: Job) -> None:
    # A peer that submits the same job twice is attached twice: each of its requests waits for a packet of its own.
    if job.clients is None:
        job.clients = [peer]
    else:
        job.clients.append(peer)
    peer.awaited[job.handle] = job
