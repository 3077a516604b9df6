"""One asyncio connection to one server, shared by many calls. It knows no choice of servers, and no kind of call.

Rules of this file:
1. A request is encoded and handed to the transport without an await between: replies are matched by order alone.
2. Only a server that is gone, silent for too long, or no Gearman server costs the connection, and with it every call.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from ..errors import ConnectionLost, ProtocolError, ReplyTimeout
from ..tls_files import reason
from .aio_call import Call
from .aio_connect import connect
from .session import ClientSession

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from .aio_call import Reply
    from .connection import Address


class AsyncLink(asyncio.Protocol):
    """A connection with the conversation on it."""

    def __init__(self, address: Address, raw: socket.socket) -> None:
        self.address = address
        self.session = ClientSession()
        self.closed = asyncio.get_running_loop().create_future()
        self._raw = raw
        self._transport: asyncio.Transport | None = None
        self._calls: set[Call] = set()
        self._writable = asyncio.Event()
        self._writable.set()
        self._failure: Exception | None = None

    @classmethod
    async def connect(cls, address: Address, timeout: float, tls: ssl.SSLContext | None = None) -> AsyncLink:
        """Connect within `timeout` seconds; with `tls` shake hands in that time. Raises OSError."""
        return await connect(address, timeout, lambda raw: cls(address, raw), tls)

    async def usable(self) -> bool:
        """Return whether the connection is still open, as far as can be known."""
        while self._failure is None and not self._calls:
            try:
                if not self._raw.recv(1, socket.MSG_PEEK):
                    return False
            except BlockingIOError:
                return True
            except OSError:
                return False
            await asyncio.sleep(0)  # late news of a call that was given up, or nonsense: let the loop read it
        return self._failure is None

    def call(self, reply_timeout: float | None) -> Call:
        """Begin a call; the server has `reply_timeout` seconds for each answer of its own, None for ever."""
        call = Call(self, reply_timeout)
        self._calls.add(call)
        return call

    async def send(self, requests: Callable[[], bytes]) -> None:
        """Send what `requests` makes, as soon as the connection takes more. Raises why it was lost."""
        await self._writable.wait()
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))
        assert self._transport is not None  # a link is given out connected
        self._transport.write(requests())

    def forget(self, call: Call) -> None:
        """End a call: what still comes for it is dropped."""
        self._calls.discard(call)

    def lose(self, error: Exception) -> None:
        """Close the connection; every call on it ends with an exception of this kind."""
        if self._failure is not None:
            return
        self._failure = error
        if self._transport is not None:
            self._transport.abort()
        for call in self._calls:
            call.stop_clock()
            call.fail(type(error)(str(error)))
        self._writable.set()

    def late(self) -> None:
        """Count the server as silent for too long."""
        self.lose(ReplyTimeout(f"{self.address} did not answer in time"))

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class

    def data_received(self, data: bytes) -> None:
        try:
            replies = self.session.receive(data)
        except ProtocolError as error:
            self.lose(error)
            return
        reply: Reply
        for reply, command, args in replies:
            reply(command, args)

    def connection_lost(self, exc: Exception | None) -> None:
        how = f"{self.address} closed the connection before it had answered"
        if isinstance(exc, OSError):
            how = f"the connection to {self.address} broke: {reason(exc)}"
        self.lose(ConnectionLost(how))
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
