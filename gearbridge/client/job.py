"""A job in a worker's hand: what the worker's callback gets. It knows no connection, only how to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wire import commands as c
from ..wire.packets import request
from .requests import to_octets
from .session import text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Job:
    """A job to do. `payload` is bytes; `function`, `handle` and `unique_key` are text.

    `traceparent` is that of who submitted it (W3C Trace Context), where he gave one and the job server is gearbridge's;
    else it is empty.

    Every `send_` method raises ConnectionLost when the server is gone. The job then goes to another worker, so there is
    no use in going on with it.
    """

    __slots__ = ("_handle", "_send", "function", "handle", "payload", "traceparent", "unique_key")

    def __init__(self, args: Sequence[bytes], send: Callable[[bytes], None], traceparent: bytes = b"") -> None:
        """Make it of the arguments of JOB_ASSIGN_UNIQ; `send` sends bytes to the server it came from."""
        self._handle, function, unique_key, self.payload = args
        self.handle = text(self._handle)
        self.function = text(function)
        self.unique_key = text(unique_key)
        self.traceparent = text(traceparent)
        self._send = send

    def send_status(self, numerator: int, denominator: int) -> None:
        """Report progress: `numerator` of `denominator` is done. gearmand keeps both as 32 bits without a sign."""
        self._send(request(c.WORK_STATUS, self._handle, b"%d" % numerator, b"%d" % denominator))

    def send_data(self, payload: bytes | str) -> None:
        """Send a part of the result ahead, to the foreground clients that wait for it."""
        self._send(request(c.WORK_DATA, self._handle, to_octets(payload)))

    def send_warning(self, payload: bytes | str) -> None:
        """Send a warning to the foreground clients that wait for the job."""
        self._send(request(c.WORK_WARNING, self._handle, to_octets(payload)))

    def __repr__(self) -> str:
        return f"<Job {self.handle} of {self.function!r}, {len(self.payload)} bytes>"
