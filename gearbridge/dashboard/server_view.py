"""What a job server shows of itself: the engine's snapshot, its store, and jobs that HTTP submits."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from gearbridge.core.retry_rules import most_attempts
from gearbridge.errors import ServerError, StoreError
from gearbridge.persistence.store_call import ask
from gearbridge.records import ENQUEUED
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.failed_jobs import retry
from gearbridge.stores.interface import TransactingStore
from gearbridge.wire import commands
from gearbridge.wire.parser import MAX_PACKET

from .local_peer import LocalPeer
from .monitor import Ended, NodesSnapshot, StoreSnapshot

if TYPE_CHECKING:
    from gearbridge.core.snapshot import FailureSnapshot, FunctionSnapshot, JobSnapshot, TimesSnapshot, WorkerSnapshot
    from gearbridge.persistence.store_thread import Committer
    from gearbridge.server.service import Service

    from .monitor import Submission

_BACKGROUND = (commands.SUBMIT_JOB_HIGH_BG, commands.SUBMIT_JOB_BG, commands.SUBMIT_JOB_LOW_BG)
_FOREGROUND = (commands.SUBMIT_JOB_HIGH, commands.SUBMIT_JOB, commands.SUBMIT_JOB_LOW)
_ENDS = {commands.WORK_COMPLETE: "complete", commands.WORK_FAIL: "fail", commands.WORK_EXCEPTION: "exception"}

#: How often a job that has just failed is looked for in the table, and seconds between two looks.
_LOOKS, _PAUSE = 50, 0.02


class ServerView:
    """A `Monitor` of a service."""

    kind = "server"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._engine = service.engine
        self._snapshot = service.engine.snapshot()

    def not_ready(self) -> str | None:
        if self._service.retiring:
            return "the server is stopping"
        committer = self._service.committer
        trouble = committer.trouble
        how = "is full" if committer.is_full else "cannot be reached"
        return None if trouble is None else f"the store {how}: {trouble}"

    def functions(self) -> list[FunctionSnapshot]:
        return self._snapshot.functions(time.monotonic())

    def forgotten(self) -> FunctionSnapshot:
        return self._snapshot.forgotten()

    def counted(self) -> float | None:
        return self._snapshot.counted(time.monotonic())

    def times(self, limit: int) -> list[TimesSnapshot]:
        return self._snapshot.times(limit)

    def connections(self) -> int:
        return self._snapshot.connections()

    def workers(self) -> list[WorkerSnapshot]:
        return self._snapshot.workers()

    def failures(self) -> list[FailureSnapshot]:
        since_1970 = time.time() - time.monotonic()
        return [failure._replace(when=failure.when + since_1970) for failure in self._snapshot.failures()]

    def store(self) -> StoreSnapshot:
        committer = self._service.committer
        return StoreSnapshot(
            redacted(self._service.config.store),
            self._snapshot.durable,
            committer.trouble,
            committer.is_full,
            self._engine.journal.size,
            committer.kept,
            self._snapshot.unsettled,
            committer.sizes.copy(),
            committer.seconds.copy(),
        )

    def nodes(self) -> NodesSnapshot:
        return NodesSnapshot(self._snapshot.nodes(), self._service.store_tasks.nodes_removed)

    def job(self, handle: bytes) -> JobSnapshot | None:
        return self._snapshot.job(handle)

    async def submit(self, job: Submission) -> bytes:
        with LocalPeer(self._service, "http") as caller:
            caller.peer.traceparent = job.traceparent
            if job.due:
                caller.send(commands.SUBMIT_JOB_EPOCH, job.function, job.unique_key, b"%d" % job.due, job.payload)
            else:
                caller.send(_BACKGROUND[job.priority], job.function, job.unique_key, job.payload)
            _, (handle,) = await caller.next()
            return handle

    async def do(self, job: Submission) -> Ended:
        with LocalPeer(self._service, "http") as caller:
            caller.send(commands.OPTION_REQ, b"exceptions")
            await caller.next()
            caller.peer.traceparent = job.traceparent
            caller.send(_FOREGROUND[job.priority], job.function, job.unique_key, job.payload)
            _, (handle,) = await caller.next()
            data: list[bytes] = []
            size = 0
            while True:
                command, args = await caller.next()
                if command == commands.WORK_DATA:
                    size += len(args[1])
                    if size > MAX_PACKET:
                        return Ended(handle, "exception", b"the result is over %d bytes" % MAX_PACKET)
                    data.append(args[1])
                elif command == commands.WORK_EXCEPTION:
                    return Ended(handle, "exception", args[1])
                elif command in _ENDS:
                    return Ended(handle, _ENDS[command], b"".join((*data, *args[1:])))

    def committer(self) -> Committer:
        return self._service.committer

    def may_change(self, address: str) -> bool:
        return self._engine.may_change(address)

    def cancel(self, handle: bytes) -> bool:
        found = self._engine.cancel(handle)
        self._service.flush()
        return found

    async def retry(self, handle: bytes) -> bool:
        if self._is_kept(handle):
            return await self._retry_kept(handle)
        with LocalPeer(self._service, "http") as caller:
            if not self._engine.repeat(caller.peer, handle):
                return False
            self._service.flush()
            await caller.next()
            return True

    def _is_kept(self, handle: bytes) -> bool:
        """Return whether the job table keeps a job that failed lately: then its row says whether it is still failed."""
        rules = self._service.config.retry
        return isinstance(self._service.committer.store, TransactingStore) and any(
            failure.handle == handle
            and failure.background
            and (handle.startswith(ENQUEUED) or most_attempts(rules, failure.function))
            for failure in self._snapshot.failures()
        )

    async def _retry_kept(self, handle: bytes) -> bool:
        committer, store = self._service.committer, self._service.committer.store
        assert isinstance(store, TransactingStore)
        for _ in range(_LOOKS):  # its failure may be on its way to the table
            try:
                if await ask(committer, partial(store.transact, partial(retry, handles=[handle.decode()]))):
                    self._engine.forget_failure(handle)
                    return True
            except StoreError as error:
                raise ServerError("QUEUE_ERROR", f"the store refuses: {error}") from error
            if not self._engine.journal.size:
                break
            await asyncio.sleep(_PAUSE)
        return False
