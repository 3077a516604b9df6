"""Every exception gearbridge raises.

    GearbridgeError
    |-- ProtocolError            bytes that are not the Gearman protocol
    |-- ConfigurationError       an option, URL or file that cannot be used
    |-- StoreError               the store could not do what was asked
    |   |-- StoreLocked          ... because another transaction holds a row that it needs
    |   |-- StoreFull            ... because its disk is full
    |   |-- StoreFenced          ... because this node's lease is over, and its jobs may be others'
    |   `-- StoreUnavailable     ... because it cannot be reached now; it may be back later
    |       `-- StoreInUse       ... because another server or bridge has it; a ConfigurationError too
    |-- ServersUnreachable       none of the servers answers
    |-- ConnectionLost           the server went away in the middle of a conversation
    |-- ReplyTimeout             the server did not answer in time
    |-- ServerError              the server answered with an ERROR packet
    `-- JobError
        |-- JobFailed            the worker sent WORK_FAIL
        `-- JobException         the worker sent WORK_EXCEPTION

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations


class GearbridgeError(Exception):
    """Anything gearbridge raises on purpose."""


class ProtocolError(GearbridgeError):
    """The other side sent something that is not the Gearman protocol."""


class ConfigurationError(GearbridgeError):
    """An option, URL or file cannot be used as given."""


class StoreError(GearbridgeError):
    """The store could not do what was asked."""


class StoreFenced(StoreError):
    """This node's lease of the jobs it had is over: they may be others' by now. Nothing of what was asked was done."""


class StoreLocked(StoreError):
    """Another transaction holds a row for longer than is waited for. Nothing of what was asked was done."""


class StoreFull(StoreError):
    """There is no room for what was asked. Nothing of it was done; something smaller may succeed."""


class StoreUnavailable(StoreError):
    """The store cannot be reached now. What was asked may be asked again, and again, until it is back."""


class StoreInUse(StoreUnavailable, ConfigurationError):
    """Another server or bridge has this store. Its lock falls when that one ends, however it ends."""


class ServersUnreachable(GearbridgeError):
    """None of the job servers could be reached; the message names each one and why."""


class ConnectionLost(GearbridgeError):
    """The job server closed the connection before it had answered."""


class ReplyTimeout(GearbridgeError):
    """The job server did not answer within the time allowed."""


class ServerError(GearbridgeError):
    """The job server answered with an ERROR packet.

    `code` is its first argument (for example ``QUEUE_ERROR``), `text` the second.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}" if text != code else code)
        self.code = code
        self.text = text


class JobError(GearbridgeError):
    """The job ended without a result. `handle` names it."""

    def __init__(self, handle: str, message: str) -> None:
        super().__init__(message)
        self.handle = handle


class JobFailed(JobError):
    """The worker reported that the job failed (WORK_FAIL)."""


class JobException(JobError):
    """The worker reported an exception (WORK_EXCEPTION). `payload` is what it sent, as bytes."""

    def __init__(self, handle: str, payload: bytes) -> None:
        super().__init__(handle, payload.decode("utf-8", "backslashreplace") or "exception without text")
        self.payload = payload


def without_frames(error: BaseException) -> BaseException:
    """Let go of the frames that an error passed, and of its causes; return it.

    They are cycles of objects, and hold what a driver has read until the garbage collector comes, which is seldom.
    """
    known: list[BaseException] = [error]
    for one in known:
        known.extend(more for more in (one.__cause__, one.__context__) if more is not None and more not in known)
    for one in known:
        one.__traceback__ = one.__cause__ = one.__context__ = None
    return error
