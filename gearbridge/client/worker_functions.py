"""What a worker can do, under which name, and what becomes of a job: shared by the blocking worker and the asyncio one.

It knows no connection, and does not call the functions: how that is done is each worker's own.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import JobException, JobFailed
from ..wire import commands as c
from .requests import to_name
from .session import MAX_BODY

if TYPE_CHECKING:
    from .connection import Address
    from .job import Job
    from .worker_session import WorkerSession

    #: The packet that ends a job, and what it carries beside the handle; of a WORK_FAIL the reason.
    Ending = tuple[int, tuple[bytes, ...]]

log = logging.getLogger("gearbridge.worker")

#: Bytes of the reason of a failure that are sent.
_MOST_REASON = 10_000

_Callback = TypeVar("_Callback")


class WorkerFunctions(Generic[_Callback]):
    """The functions of a worker. `client_id` None is this machine's name and the process id."""

    def __init__(self, client_id: str | None) -> None:
        """Raises ValueError for a name that the server's list of workers cannot show."""
        self.client_id = f"{socket.gethostname()}:{os.getpid()}" if client_id is None else client_id
        if not self.client_id or any(letter <= " " for letter in self.client_id):
            # The admin command `workers` parts its columns by spaces.
            raise ValueError("a client id cannot be empty, nor contain spaces or control characters")
        self._callbacks: dict[bytes, _Callback] = {}
        self._timeouts: dict[bytes, float | None] = {}  # never changed but replaced: other threads read it

    def register(self, function: str | bytes, callback: _Callback, timeout: float | None) -> None:
        """Take up a function. Raises ValueError for a name or time that the protocol cannot carry."""
        name = to_name(function)
        if timeout is not None and not 0 < timeout < 2**31:
            raise ValueError(f"a timeout is a number of seconds above 0, not {timeout!r}")
        self._callbacks[name] = callback
        self._timeouts = {**self._timeouts, name: timeout}

    def unregister(self, function: str | bytes) -> None:
        """Give up a function; a job of it that is under way is still done. Raises ValueError where it is not done."""
        name = to_name(function)
        if name not in self._timeouts:
            raise ValueError(f"this worker does not do {name.decode('utf-8', 'backslashreplace')!r}")
        self._timeouts = {other: timeout for other, timeout in self._timeouts.items() if other != name}

    def demand(self) -> None:
        """Raise ValueError where there is nothing to do."""
        if not self._timeouts:
            raise ValueError("this worker has nothing to do: register a function first")

    def announce(self, session: WorkerSession) -> bytes:
        """Send a server the functions that were registered or unregistered since the last call."""
        return session.announce(self._timeouts)

    def introduce(self, session: WorkerSession) -> bytes:
        """Make the first bytes of a connection."""
        return session.introduce(self.client_id.encode(), self._timeouts)

    def callback(self, job: Job) -> _Callback:
        """Return what does this job. Raises LookupError."""
        log.info("job %s of %s, %d bytes", job.handle, job.function, len(job.payload))
        callback = self._callbacks.get(job.function.encode("utf-8", "surrogateescape"))
        if callback is None:
            raise LookupError(f"this worker does not do {job.function!r}")
        return callback


def completion(result: object) -> Ending:
    """Make the end of a job whose callback returned. Raises TypeError or ValueError for what cannot be a result."""
    octets = result.encode() if isinstance(result, str) else (b"" if result is None else result)
    if not isinstance(octets, (bytes, bytearray, memoryview)):
        raise TypeError(f"the result of a job is bytes, str or None, not {type(octets).__name__}")
    if len(octets) > MAX_BODY - 1024:
        raise ValueError(f"a result of {len(octets)} bytes is over the protocol's limit of 4 GiB")
    return c.WORK_COMPLETE, (bytes(octets),)


def failure(job: Job, error: BaseException) -> Ending:
    """Make the end of a job whose callback raised, and log it."""
    if isinstance(error, (JobFailed, JobException)):
        log.warning("job %s of %s failed: %s", job.handle, job.function, error)
        if isinstance(error, JobException):
            return c.WORK_EXCEPTION, (error.payload,)
        reason = str(error).encode("utf-8", "backslashreplace")[:_MOST_REASON]
        return c.WORK_FAIL, (reason,) if reason else ()
    log.error("job %s of %s failed", job.handle, job.function, exc_info=error)
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return c.WORK_EXCEPTION, (told.encode("utf-8", "backslashreplace"),)


def untold(job: Job, error: Exception) -> None:
    """Log that a job was done for a server that is no longer connected."""
    log.warning("job %s is done, but its end could not be sent: %s", job.handle, error)


class Absences:
    """Log lines about servers that are down: once for each, not at each attempt."""

    def __init__(self) -> None:
        self._told: set[Address] = set()

    def away(self, address: Address, reason: str) -> None:
        """A server cannot be used."""
        if address not in self._told:
            self._told.add(address)
            log.warning("job server %s is unavailable, retrying: %s", address, reason)

    def spoke(self, address: Address) -> None:
        """Record that a server has answered."""
        if address in self._told:
            self._told.discard(address)
            log.warning("job server %s is available again", address)
