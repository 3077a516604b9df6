"""The asyncio worker: takes several jobs at a time and calls a function for each, on the event loop or in a thread.

`aio_worker_pool` holds the connections; `worker_functions` holds the registered functions and ends jobs.

Rules of this file:
1. A job at a time needs a connection of its own to each server, as if it were a worker of its own: gearmand keeps one
   timer for a connection (CAN_DO_TIMEOUT), and a server shares its jobs out evenly only among connections.
2. An assigned job is done even after `stop`; only a cancelled `work` leaves jobs, to other workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import ConnectionLost
from .aio_job import AsyncJob
from .aio_worker_pool import AsyncWorkerPool
from .connection import parse_servers
from .worker_functions import Absences, WorkerFunctions, completion, failure, untold

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .tls import Tls
    from .worker_functions import Ending

    #: What does a job: a coroutine function, or a plain one, whose result may be awaitable too.
    AsyncCallback = Callable[[AsyncJob], "bytes | str | Awaitable[bytes | str | None] | None"]


class AsyncWorker:
    """A worker for one or more Gearman servers, for asyncio, with up to `concurrency` jobs at a time.

    The other arguments, the packets that end a job, and the log lines are `Worker`'s. Coroutine functions run on
    the event loop; plain functions in one of `concurrency` threads. Each job at a time has a connection of its own to
    each server.
    """

    def __init__(
        self,
        servers: str | Sequence[str] = "127.0.0.1:4730",
        *,
        concurrency: int = 1,
        client_id: str | None = None,
        connect_timeout: float = 5.0,
        reply_timeout: float = 60.0,
        tls: Tls | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is a number of jobs from 1, not {concurrency!r}")
        self._addresses = parse_servers(servers)
        self.servers = tuple(map(str, self._addresses))
        self.concurrency = concurrency
        self._duties: WorkerFunctions[AsyncCallback] = WorkerFunctions(client_id)
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._tls = None if tls is None else tls.context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hands: list[AsyncWorkerPool] = []
        self._stopping = False

    @property
    def client_id(self) -> str:
        """The id that the admin command `workers` shows."""
        return self._duties.client_id

    def register(self, function: str | bytes, callback: AsyncCallback, timeout: float | None = None) -> None:
        """Do jobs of `function` by calling `callback(job)`, from now on; see `Worker.register`.

        A coroutine function must not block: while it does, all other jobs wait, and servers may take it for dead.
        """
        self._duties.register(function, callback, timeout)
        self._wake()

    def unregister(self, function: str | bytes) -> None:
        """Take no more jobs of `function`; see `Worker.unregister`."""
        self._duties.unregister(function)
        self._wake()

    async def work(self, max_jobs: int | None = None) -> int:
        """Take and do jobs, for ever or `max_jobs` of them; return how many were done, failed ones included.

        Returns early after `stop()`, when the running jobs are done. Cancelling it cancels the coroutines of the
        running jobs; the server gives those jobs to other workers, also the ones of plain functions, whose threads
        run to their end without a report. What is no Exception (KeyboardInterrupt, SystemExit) leaves it likewise.
        Raises ValueError where no function is registered, RuntimeError where it is at work already.
        """
        self._duties.demand()
        if self._loop is not None:
            raise RuntimeError("this AsyncWorker is already running")
        self._loop = asyncio.get_running_loop()
        quota = _Quota(max_jobs)
        hands = self.concurrency if max_jobs is None else min(self.concurrency, max_jobs)
        absences = Absences()
        threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="gearbridge-worker")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(hands):
                    links = AsyncWorkerPool(
                        self._addresses, self._duties, absences, self._connect_timeout, self._reply_timeout, self._tls
                    )
                    self._hands.append(links)
                    group.create_task(self._work(links, quota, threads))
        except ExceptionGroup as failures:
            interruption = failures.exceptions[0]
            if isinstance(interruption, _Interrupted) and interruption.__cause__ is not None:
                raise interruption.__cause__ from None
            raise
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            self._hands = []
            self._loop = None
            self._stopping = False
        return quota.done

    def stop(self) -> None:
        """Make `work` finish the running jobs and return. For signal handlers, callbacks and other threads."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # closed
                loop.call_soon_threadsafe(self._wake_hands)

    def _wake_hands(self) -> None:
        for links in self._hands:
            links.wake()

    async def _work(self, links: AsyncWorkerPool, quota: _Quota, threads: ThreadPoolExecutor) -> None:
        """Do one job after the other."""
        try:
            more = quota.take()
            while more:
                assigned = await links.next_job(lambda: self._stopping)
                if assigned is None:
                    break
                peer, args = assigned
                job = AsyncJob(links, peer, args)
                command, result = await self._do(job, threads)
                quota.done += 1
                more = quota.take()
                try:
                    links.finish(peer, command, *result, last=self._stopping or not more)
                except ConnectionLost as error:
                    untold(job, error)
        finally:
            await links.close()

    async def _do(self, job: AsyncJob, threads: ThreadPoolExecutor) -> Ending:
        """Call the function for a job, and make what ends it."""
        try:
            return completion(await self._call(job, threads))
        except asyncio.CancelledError as error:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # this is a task
                raise
            return failure(job, error)  # what the callback waited for was cancelled, not the worker
        except (KeyboardInterrupt, SystemExit) as error:
            raise _Interrupted from error  # as such it would stop the event loop before this worker has closed anything
        except Exception as error:
            return failure(job, error)

    async def _call(self, job: AsyncJob, threads: ThreadPoolExecutor) -> object:
        callback: Any = self._duties.callback(job)
        if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(getattr(callback, "__call__", None)):  # noqa: B004  whether that is one, not whether it is there
            return await callback(job)
        context = contextvars.copy_context()
        result: Any = await asyncio.get_running_loop().run_in_executor(threads, context.run, _shield, callback, job)
        return await result if inspect.isawaitable(result) else result


def _shield(callback: AsyncCallback, job: AsyncJob) -> object:
    try:
        return callback(job)
    except StopIteration as error:  # a future refuses it
        raise RuntimeError("the function raised StopIteration") from error


class _Interrupted(Exception):
    """A callback raised KeyboardInterrupt or SystemExit, which is the cause."""


class _Quota:
    """Counts of jobs still to be taken, and of jobs done."""

    def __init__(self, jobs: int | None) -> None:
        self._left = jobs
        self.done = 0

    def take(self) -> bool:
        """Take the right to one job; False where there is none left."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0
