"""What a job server shows of itself. It reads the engine's own figures; nothing is kept or counted here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gearbridge.core.jobs import QUEUED, RUNNING, STORING
from gearbridge.stores.registry import shown as store_shown
from gearbridge.wire import commands

from .caller import Caller
from .seen import Ended, FailureSeen, FunctionSeen, JobSeen, StoreSeen, TimesSeen, WorkerSeen

if TYPE_CHECKING:
    from gearbridge.core.jobs import Function
    from gearbridge.server.service import Service

    from .seen import Submission

_STATES = {STORING: "storing", QUEUED: "queued", RUNNING: "running"}
_BACKGROUND = (commands.SUBMIT_JOB_HIGH_BG, commands.SUBMIT_JOB_BG, commands.SUBMIT_JOB_LOW_BG)
_FOREGROUND = (commands.SUBMIT_JOB_HIGH, commands.SUBMIT_JOB, commands.SUBMIT_JOB_LOW)
_ENDS = {commands.WORK_COMPLETE: "complete", commands.WORK_FAIL: "fail", commands.WORK_EXCEPTION: "exception"}


class ServerView:
    """A `Seen` of a service."""

    kind = "server"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._engine = service.engine
        self._queue = service.engine.queue

    def not_ready(self) -> str | None:
        if self._service.retiring:
            return "the server is stopping"
        trouble = self._service.committer.trouble
        return None if trouble is None else f"the store cannot be reached: {trouble}"

    def functions(self) -> list[FunctionSeen]:
        now = time.monotonic()
        return [_seen(function, now) for function in self._queue.functions.values()]

    def forgotten(self) -> FunctionSeen:
        return _seen(self._queue.forgotten, 0.0)

    def times(self, limit: int) -> list[TimesSeen]:
        some = list(self._queue.functions.values())[:limit]
        return [
            TimesSeen(function.name, function.timing.waits.copy(), function.timing.runs.copy())
            for function in some
            if function.timing is not None
        ]

    def connections(self) -> int:
        return len(self._engine.peers)

    def workers(self) -> list[WorkerSeen]:
        return [
            WorkerSeen(
                peer.number,
                peer.address,
                peer.client_id,
                [function.name for function in peer.functions],
                list(peer.jobs),
                peer.sleeping,
            )
            for peer in self._engine.peers
            if peer.functions or peer.jobs
        ]

    def failures(self) -> list[FailureSeen]:
        offset = time.time() - time.monotonic()
        return [
            FailureSeen(
                failure.job.handle,
                failure.job.function,
                failure.error,
                failure.when + offset,
                failure.background,
                failure.repeatable,
            )
            for failure in self._engine.lifecycle.failures
        ]

    def store(self) -> StoreSeen:
        committer = self._service.committer
        return StoreSeen(
            store_shown(self._service.config.store),
            self._engine.lifecycle.durable,
            committer.trouble,
            self._engine.journal.size,
            committer.kept,
            committer.sizes.copy(),
            committer.seconds.copy(),
        )

    def job(self, handle: bytes) -> JobSeen | None:
        job = self._queue.jobs.get(handle)
        if job is None:
            return None
        return JobSeen(
            job.handle,
            job.function,
            job.unique_key,
            int(job.priority),
            _STATES[job.state],
            job.background,
            job.attempts,
            job.numerator,
            job.denominator,
            len(job.payload),
        )

    async def submit(self, job: Submission) -> bytes:
        with Caller(self._service, "http") as caller:
            caller.peer.traceparent = job.traceparent
            if job.due:
                caller.send(commands.SUBMIT_JOB_EPOCH, job.function, job.unique_key, b"%d" % job.due, job.payload)
            else:
                caller.send(_BACKGROUND[job.priority], job.function, job.unique_key, job.payload)
            _, (handle,) = await caller.next()
            return handle

    async def do(self, job: Submission) -> Ended:
        with Caller(self._service, "http") as caller:
            caller.send(commands.OPTION_REQ, b"exceptions")
            await caller.next()
            caller.peer.traceparent = job.traceparent
            caller.send(_FOREGROUND[job.priority], job.function, job.unique_key, job.payload)
            _, (handle,) = await caller.next()
            data: list[bytes] = []
            while True:
                command, args = await caller.next()
                if command == commands.WORK_DATA:
                    data.append(args[1])
                elif command == commands.WORK_EXCEPTION:
                    return Ended(handle, "exception", args[1])
                elif command in _ENDS:
                    return Ended(handle, _ENDS[command], b"".join((*data, *args[1:])))

    def cancel(self, handle: bytes) -> bool:
        job = self._queue.jobs.get(handle)
        if job is None:
            return False
        self._engine.lifecycle.cancel(job)
        self._service.flush()
        return True

    async def retry(self, handle: bytes) -> bool:
        with Caller(self._service, "http") as caller:
            if not self._engine.repeat(caller.peer, handle):
                return False
            self._service.flush()
            await caller.next()
            return True


def _seen(function: Function, now: float) -> FunctionSeen:
    queued = (function.queued(0), function.queued(1), function.queued(2))
    oldest = function.oldest() if function.total else None
    return FunctionSeen(
        function.name,
        queued,
        function.total - function.running - sum(queued),
        function.running,
        len(function.workers),
        None if oldest is None else max(0.0, now - oldest),
        function.added - function.restored,
        function.completed,
        function.failed,
        function.lost + function.put_back,
        function.cancelled,
        function.abandoned,
    )
