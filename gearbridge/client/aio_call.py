"""One task's requests on a connection that many tasks share, and its waiting for their replies.

Rules of this file:
1. A call that is given up leaves its tokens behind, so that its replies are known for what they are, and dropped.
2. What goes wrong in taking a reply ends its call alone; a server that is silent for too long costs the connection.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol, Self

from .session import WORK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from .batches import Take

    #: The token of a request: called with each reply that comes for it.
    Reply = Callable[[int, Sequence[bytes]], None]


class Link(Protocol):
    """The connection of a call."""

    async def send(self, requests: Callable[[], bytes]) -> None:
        """Send what `requests` makes, as soon as the connection takes more. Raises why it was lost."""

    def forget(self, call: Call) -> None:
        """End a call: what still comes for it is dropped."""

    def late(self) -> None:
        """Count the server as silent for too long."""


class Call:
    """One task's requests and what it waits for; made by `AsyncLink.call`, for a `with` block.

    What takes a reply may raise: that ends this call, and no other.
    """

    __slots__ = ("_due", "_failure", "_given_up", "_link", "_ready", "_reply_timeout", "_timer", "_waiter")

    def __init__(self, link: Link, reply_timeout: float | None) -> None:
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
