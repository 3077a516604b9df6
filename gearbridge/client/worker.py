"""The blocking worker: takes jobs one at a time and calls a function for each.

How servers are reached is `worker_links`', what the packets say is `worker_session`'s.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING

from ..errors import ConnectionLost, JobException, JobFailed
from ..wire import commands as c
from .connection import parse_servers
from .job import Job
from .session import MAX_BODY
from .worker_links import WorkerLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .tls import Tls
    from .worker_links import Peer
    from .worker_session import WorkerSession

    #: What does a job: its return value is the result, None being an empty one.
    Callback = Callable[[Job], "bytes | str | None"]

log = logging.getLogger("gearbridge.worker")


class Worker:
    """A worker for one or more Gearman servers.

    `servers` is "host:port,host2:port2" or a sequence of such, the port defaults to 4730. `client_id` is what the admin
    command `workers` shows, by default this machine's name and the process id. Times are in seconds: `connect_timeout`
    for a connection, `reply_timeout` for a server's answer. A server that is away is tried again and again, at most
    10 seconds apart, while the others are served; a line in the log "gearbridge.worker" says so once. With `tls` every
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
        self.client_id = f"{socket.gethostname()}:{os.getpid()}" if client_id is None else client_id
        if not self.client_id or any(letter <= " " for letter in self.client_id):
            # The admin command `workers` parts its columns by spaces.
            raise ValueError("a client id cannot be empty, nor contain spaces or control characters")
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._tls = None if tls is None else tls.context()
        self._callbacks: dict[bytes, Callback] = {}
        self._timeouts: dict[bytes, float | None] = {}
        self._links: WorkerLinks | None = None
        self._stopping = False

    def register(self, function: str | bytes, callback: Callback, timeout: float | None = None) -> None:
        """Do jobs of `function` by calling `callback(job)`. Call this before `work`.

        What it returns is the result. When it raises JobFailed the job fails (WORK_FAIL); of any other exception the
        text goes to the client (WORK_EXCEPTION), of a JobException its payload. After `timeout` seconds the server
        takes the job away and gives it to another worker; gearmand makes at least 1 second of it. Raises ValueError.
        """
        name = function.encode() if isinstance(function, str) else function
        if not name or b"\0" in name:
            raise ValueError("a function name cannot be empty or contain NUL")
        if timeout is not None and not 0 < timeout < 2**31:
            raise ValueError(f"a timeout is a number of seconds above 0, not {timeout!r}")
        self._callbacks[name] = callback
        self._timeouts[name] = timeout

    def work(self, max_jobs: int | None = None) -> int:
        """Take and do jobs, for ever or `max_jobs` of them; return how many were done, failed ones included.

        Returns early after `stop()`. Connections are made on entry and closed on return. What is no Exception
        (KeyboardInterrupt, SystemExit) leaves the callback and this method; the server gives the job to another worker.
        Raises ValueError where no function is registered.
        """
        if not self._callbacks:
            raise ValueError("this worker has nothing to do: register a function first")
        done = 0
        try:
            links = WorkerLinks(self._addresses, self._introduce, self._connect_timeout, self._reply_timeout, self._tls)
            with contextlib.closing(links):
                self._links = links
                while max_jobs is None or done < max_jobs:
                    assigned = links.next_job(lambda: self._stopping)
                    if assigned is None:
                        break
                    peer, args = assigned
                    command, result = self._do(links, peer, args)
                    done += 1
                    try:
                        links.finish(peer, command, *result, last=self._stopping or done == max_jobs)
                    except ConnectionLost as error:
                        handle = args[0].decode("utf-8", "backslashreplace")
                        log.warning("job %s is done, but its end could not be told: %s", handle, error)
        finally:
            self._links = None
            self._stopping = False
        return done

    def stop(self) -> None:
        """Make `work` finish the job in hand and return. For signal handlers, callbacks and other threads."""
        self._stopping = True
        links = self._links
        if links is not None:
            links.wake()

    def _introduce(self, session: WorkerSession) -> bytes:
        return session.introduce(self.client_id.encode(), self._timeouts)

    def _do(self, links: WorkerLinks, peer: Peer, args: Sequence[bytes]) -> tuple[int, tuple[bytes, ...]]:
        """Call the function for a job; return the packet that ends it, and what it carries beside the handle."""
        job = Job(args, lambda octets: links.send(peer, octets))
        try:
            callback = self._callbacks.get(args[1])
            if callback is None:
                raise LookupError(f"this worker does not do {job.function!r}")
            return c.WORK_COMPLETE, (_octets(callback(job)),)
        except JobFailed as error:
            log.warning("job %s of %s failed: %s", job.handle, job.function, error)
            return c.WORK_FAIL, ()
        except JobException as error:
            log.warning("job %s of %s failed: %s", job.handle, job.function, error)
            return c.WORK_EXCEPTION, (error.payload,)
        except Exception as error:
            log.exception("job %s of %s failed", job.handle, job.function)
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return c.WORK_EXCEPTION, (told.encode("utf-8", "backslashreplace"),)


def _octets(result: bytes | str | None) -> bytes:
    octets = result.encode() if isinstance(result, str) else (b"" if result is None else result)
    if not isinstance(octets, (bytes, bytearray, memoryview)):
        raise TypeError(f"the result of a job is bytes, str or None, not {type(octets).__name__}")
    if len(octets) > MAX_BODY - 1024:
        raise ValueError(f"a result of {len(octets)} bytes is over the protocol's limit of 4 GiB")
    return bytes(octets)
