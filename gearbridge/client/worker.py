"""The blocking worker: takes jobs one at a time and calls a function for each.

How servers are reached is `worker_links`', what it can do and what becomes of a job `worker_duties`'.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConnectionLost
from .connection import parse_servers
from .job import Job
from .worker_functions import WorkerFunctions, completion, failure, untold
from .worker_pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .tls import Tls
    from .worker_functions import Ending

    #: What does a job: its return value is the result, None being an empty one.
    Callback = Callable[[Job], "bytes | str | None"]


class Worker:
    """A worker for one or more Gearman servers.

    `servers` is "host:port,host2:port2" or a sequence of such, the port defaults to 4730. `client_id` is shown by the
    admin command `workers`; it defaults to this machine's name and the process id. Times are in seconds:
    `connect_timeout` for a connection, `reply_timeout` for a server's answer. A server that is down is retried, at most
    10 seconds apart, while the others are served; this is logged once, by "gearbridge.worker". With `tls` every
    connection is encrypted; its files are read at once, which may raise ConfigurationError.
    """

    def __init__(
        self,
        servers: str | Sequence[str] = "127.0.0.1:4730",
        *,
        client_id: str | None = None,
        connect_timeout: float = 5.0,
        reply_timeout: float = 60.0,
        tls: Tls | None = None,
    ) -> None:
        self._addresses = parse_servers(servers)
        self.servers = tuple(map(str, self._addresses))
        self._duties: WorkerFunctions[Callback] = WorkerFunctions(client_id)
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._tls = None if tls is None else tls.context()
        self._links: WorkerPool | None = None
        self._stopping = False

    @property
    def client_id(self) -> str:
        """The id that the admin command `workers` shows."""
        return self._duties.client_id

    def register(self, function: str | bytes, callback: Callback, timeout: float | None = None) -> None:
        """Do jobs of `function` by calling `callback(job)`, from now on.

        What it returns is the result. When it raises JobFailed the job fails (WORK_FAIL), with the exception's text as
        a warning ahead of it, which a gearbridge server takes for the reason. Of any other exception the text goes to
        the client (WORK_EXCEPTION), of a JobException its payload. After `timeout` seconds the server takes the job
        away and gives it to another worker; gearmand makes at least 1 second of it. Raises ValueError.
        """
        self._duties.register(function, callback, timeout)
        self._wake()

    def unregister(self, function: str | bytes) -> None:
        """Take no more jobs of `function`; one that is under way is still done. Raises ValueError."""
        self._duties.unregister(function)
        self._wake()

    def work(self, max_jobs: int | None = None) -> int:
        """Take and do jobs, for ever or `max_jobs` of them; return how many were done, failed ones included.

        Returns early after `stop()`. Connections are made on entry and closed on return. What is no Exception
        (KeyboardInterrupt, SystemExit) leaves the callback and this method; the server gives the job to another worker.
        Raises ValueError where no function is registered.
        """
        self._duties.demand()
        done = 0
        try:
            links = WorkerPool(self._addresses, self._duties, self._connect_timeout, self._reply_timeout, self._tls)
            with contextlib.closing(links):
                self._links = links
                while max_jobs is None or done < max_jobs:
                    assigned = links.next_job(lambda: self._stopping)
                    if assigned is None:
                        break
                    peer, args = assigned
                    job = Job(args, partial(links.send, peer), peer.session.traceparent)
                    command, result = self._do(job)
                    done += 1
                    try:
                        links.finish(peer, command, *result, last=self._stopping or done == max_jobs)
                    except ConnectionLost as error:
                        untold(job, error)
        finally:
            self._links = None
            self._stopping = False
        return done

    def stop(self) -> None:
        """Make `work` finish the running job and return. For signal handlers, callbacks and other threads."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        links = self._links
        if links is not None:
            links.wake()

    def _do(self, job: Job) -> Ending:
        """Call the function for a job, and make what ends it."""
        try:
            return completion(self._duties.callback(job)(job))
        except Exception as error:
            return failure(job, error)
