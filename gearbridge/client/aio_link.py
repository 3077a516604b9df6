"""One asyncio connection to one server, shared by many calls. It knows no choice of servers, and no kind of call.

Rules of this file:
1. A request is encoded and handed to the transport without an await between: replies are matched by order alone.
2. A call that is given up leaves its token behind, so that its replies are known for what they are, and dropped.
3. Only a server that is gone, silent for too long, or no Gearman server costs the connection, and with it every call.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from ..errors import ConnectionLost, ProtocolError, ReplyTimeout
from .connection import Address, prepare
from .session import ClientSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Call:
    """What one task waits for. `take(command, args)` gets each reply and says whether it was the last one.

    What `take` raises ends this call, and no other.
    """

    __slots__ = ("_take", "future", "timer")

    def __init__(self, take: Callable[[int, Sequence[bytes]], bool], future: asyncio.Future[None]) -> None:
        self._take = take
        self.future = future
        self.timer: asyncio.TimerHandle | None = None  # of the server's own answer

    def reply(self, command: int, args: Sequence[bytes]) -> None:
        """Take a reply; where the task is gone, drop it."""
        self.answered()
        if self.future.done():
            return
        try:
            done = self._take(command, args)
        except StopIteration as error:  # a future refuses it
            failure = RuntimeError("a callback raised StopIteration")
            failure.__cause__ = error
            self.future.set_exception(failure)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            if done:
                self.future.set_result(None)

    def answered(self) -> None:
        """Stop the clock of the server's own answer: it came, or never will."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class AsyncLink(asyncio.Protocol):
    """A connection with the conversation on it."""

    def __init__(self, address: Address, raw: socket.socket) -> None:
        self.address = address
        self.session = ClientSession()
        self.closed = asyncio.get_running_loop().create_future()
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._calls: set[Call] = set()
        self._writable = asyncio.Event()
        self._writable.set()
        self._failure: Exception | None = None

    @classmethod
    async def connect(cls, address: Address, timeout: float) -> AsyncLink:
        """Connect within `timeout` seconds, over all addresses that the name has. Raises OSError."""
        loop = asyncio.get_running_loop()
        try:
            # Not wait_for(), which in Python 3.11 loses a cancel that comes together with the end.
            async with asyncio.timeout(timeout):
                raw = await _connect(address)
        except asyncio.TimeoutError as error:
            raise TimeoutError(f"no answer within {timeout:g} s") from error
        try:
            _, link = await loop.create_connection(lambda: cls(address, raw), sock=raw)
        except BaseException:
            raw.close()
            raise
        return link

    def usable(self) -> bool:
        """Say whether the server is still there, as far as can be known; the loop may not have looked yet."""
        if self._failure is not None:
            return False
        if self._calls:
            return True
        try:
            return bool(self._raw.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def call(
        self,
        requests: Callable[[Call], bytes],
        take: Callable[[int, Sequence[bytes]], bool],
        reply_timeout: float | None,
    ) -> None:
        """Send what `requests` makes, the call being its token, and wait until `take` has had the last reply.

        Raises ConnectionLost, ReplyTimeout, ProtocolError, and what `take` raises.
        """
        call = Call(take, self._loop.create_future())
        if reply_timeout is not None:
            call.timer = self._loop.call_later(reply_timeout, self._late)
        self._calls.add(call)
        sent = False
        try:
            await self._writable.wait()
            if self._failure is not None:
                raise type(self._failure)(str(self._failure))
            assert self._transport is not None  # a link is given out connected
            self._transport.write(requests(call))
            sent = True
            await call.future
        finally:
            self._calls.discard(call)
            if not sent or self._failure is not None:
                call.answered()
            # A call that was given up keeps its clock: a server that never answers it answers nothing behind it either.

    def lose(self, error: Exception) -> None:
        """Close the connection; every call on it ends with `error`, or with ConnectionLost for that reason."""
        if self._failure is not None:
            return
        self._failure = error
        if self._transport is not None:
            self._transport.abort()
        for call in self._calls:
            call.answered()
            if not call.future.done():
                call.future.set_exception(type(error)(str(error)))
        self._writable.set()

    def _late(self) -> None:
        self.lose(ReplyTimeout(f"{self.address} did not answer in time"))

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no common class

    def data_received(self, data: bytes) -> None:
        try:
            replies = self.session.receive(data)
        except ProtocolError as error:
            self.lose(error)
            return
        for call, command, args in replies:
            call.reply(command, args)

    def connection_lost(self, exc: Exception | None) -> None:
        reason = f"{self.address} closed the connection before it had answered"
        if isinstance(exc, OSError):
            reason = f"the connection to {self.address} broke: {exc.strerror or exc}"
        self.lose(ConnectionLost(reason))
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


async def _connect(address: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("the name has no address")
    try:
        found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"not a host name: {error}") from error
    for family, kind, protocol, _, target in found:
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.setblocking(False)
            await loop.sock_connect(candidate, target)
            prepare(candidate)
        except OSError as error:
            candidate.close()
            failure = error
        except BaseException:
            candidate.close()
            raise
        else:
            return candidate
    raise failure
