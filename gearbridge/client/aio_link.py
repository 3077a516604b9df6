"""One asyncio connection to one server, shared by many calls. It knows no choice of servers, and no kind of call.

Rules of this file:
1. A request is encoded and handed to the transport without an await between: replies are matched by order alone.
2. A call that is given up leaves its token behind, so that its replies are known for what they are, and dropped.
3. Only a server that is gone, silent for too long, or no Gearman server costs the connection, and with it every call.
"""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from ..errors import ConnectionLost, ProtocolError, ReplyTimeout
from .connection import Address, prepare
from .session import WORK, ClientSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from .batches import Take

    #: The token of a request: called with each reply that comes for it.
    Reply = Callable[[int, Sequence[bytes]], None]

Made = TypeVar("Made", bound=asyncio.Protocol)


class Call:
    """One task's requests and what it waits for; made by `AsyncLink.call`, for a `with` block.

    What takes a reply may raise: that ends this call, and no other.
    """

    __slots__ = ("_due", "_failure", "_given_up", "_link", "_ready", "_reply_timeout", "_timer", "_waiter")

    def __init__(self, link: AsyncLink, reply_timeout: float | None) -> None:
        self._link = link
        self._reply_timeout = reply_timeout
        self._due = 0  # answers of the server's own that are to come; only for them the clock runs
        self._timer: asyncio.TimerHandle | None = None
        self._failure: BaseException | None = None
        self._ready: Callable[[], bool] = bool
        self._waiter: asyncio.Future[None] | None = None
        self._given_up = False

    def expect(self, take: Take) -> Reply:
        """Make the token of a request whose replies `take` shall have."""
        return partial(self._reply, take)

    async def send(self, requests: Callable[[], bytes], due: int = 1) -> None:
        """Send what `requests` makes: `due` requests with tokens of this call. Raises ConnectionLost, ReplyTimeout."""
        self._due += due
        self._wind()
        try:
            await self._link.send(requests)
        except BaseException:
            self._due -= due
            self._wind()
            raise

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until replies have made `ready()` true.

        Raises ConnectionLost, ReplyTimeout, ProtocolError, and what taking a reply raised.
        """
        if self._failure is not None:
            raise self._failure
        if ready():
            return
        self._ready = ready
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def fail(self, error: BaseException) -> None:
        """End the call with an exception."""
        if self._failure is not None or self._given_up:
            return
        if isinstance(error, StopIteration):  # a future refuses it
            failure = RuntimeError("a callback raised StopIteration")
            failure.__cause__ = error
            error = failure
        self._failure = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def stop_clock(self) -> None:
        """Wait no longer for the server's own answers: the connection is gone."""
        self._due = 0
        self._wind()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The clock goes on: a server that never answers a call that was given up answers nothing behind it either.
        self._given_up = True
        self._link.forget(self)

    def _reply(self, take: Take, command: int, args: Sequence[bytes]) -> None:
        if command not in WORK and self._due:
            self._due -= 1
            self._wind()
        if self._given_up or self._failure is not None:
            return
        try:
            take(command, args)
        except BaseException as error:
            self.fail(error)
        else:
            if self._waiter is not None and not self._waiter.done() and self._ready():
                self._waiter.set_result(None)

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due and self._reply_timeout is not None:
            self._timer = asyncio.get_running_loop().call_later(self._reply_timeout, self._link.late)


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
    async def connect(cls, address: Address, timeout: float) -> AsyncLink:
        """Connect within `timeout` seconds. Raises OSError."""
        return await connect(address, timeout, lambda raw: cls(address, raw))

    async def usable(self) -> bool:
        """Say whether the server is still there, as far as can be known."""
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
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

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
        reason = f"{self.address} closed the connection before it had answered"
        if isinstance(exc, OSError):
            reason = f"the connection to {self.address} broke: {exc.strerror or exc}"
        self.lose(ConnectionLost(reason))
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()


async def connect(address: Address, timeout: float, make: Callable[[socket.socket], Made]) -> Made:
    """Connect within `timeout` seconds, over all addresses that the name has; `make` makes the protocol.

    Raises OSError.
    """
    try:
        raw = await asyncio.wait_for(_connect(address), timeout)
    except asyncio.TimeoutError as error:
        raise TimeoutError(f"no answer within {timeout:g} s") from error
    try:
        _, made = await asyncio.get_running_loop().create_connection(lambda: make(raw), sock=raw)
    except BaseException:
        raw.close()
        raise
    return made


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
            # asyncio says "Connect call failed" of everything.
            failure = OSError(error.errno, os.strerror(error.errno)) if error.errno else error
        except BaseException:
            candidate.close()
            raise
        else:
            return candidate
    raise failure
