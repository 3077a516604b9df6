"""An asyncio worker's connections to all its servers, for one job at a time. `worker_rotation` chooses among them.

The event loop does here what a selector and threads do in `worker_pool`; the rest is shared with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any, cast

from ..errors import ConnectionLost, ProtocolError
from .aio_connect import connect
from .worker_functions import log
from .worker_rotation import Peer, WorkerRotation

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from .connection import Address
    from .worker_functions import Absences, WorkerFunctions


class _Line(asyncio.Protocol):
    """One connection: hands on what comes, and knows whether it takes more."""

    def __init__(self, heard: Callable[[_Line, bytes], None], lost: Callable[[_Line, str], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.Event()

    def write(self, octets: bytes) -> None:
        assert self._transport is not None  # a line is given out connected
        self._transport.write(octets)

    def close(self) -> None:
        """Close it when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class

    def data_received(self, data: bytes) -> None:
        self._heard(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        self.writable.set()
        self._lost(self, "it closed the connection")

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


class AsyncWorkerPool:
    """The connections for one job at a time; times are in seconds."""

    def __init__(
        self,
        addresses: Sequence[Address],
        duties: WorkerFunctions[Any],
        absences: Absences,
        connect_timeout: float,
        reply_timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.reply_timeout = reply_timeout
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._turns = WorkerRotation(addresses, duties, reply_timeout)
        self._absences = absences
        self._lines: dict[Address, _Line] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._assigned: tuple[Peer, Sequence[bytes]] | None = None
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """Make `next_job` look at `stopping` and the duties again."""
        self._bell.set()

    async def next_job(self, stopping: Callable[[], bool]) -> tuple[Peer, Sequence[bytes]] | None:
        """Wait for a job and return its server and the arguments of JOB_ASSIGN_UNIQ; None once `stopping()`.

        A pending answer to an earlier GRAB_JOB is read first: a job in it must be done.
        """
        now = asyncio.get_running_loop().time
        while True:
            self._bell.clear()
            if self._assigned is not None:
                assigned, self._assigned = self._assigned, None
                return assigned
            for peer, octets in self._turns.news():
                self.send(peer, octets)
            if self._turns.asked is None:
                if stopping():
                    return None
                question = self._turns.ask_next(now())
                if question is not None:
                    self.send(*question)
            for peer in self._turns.due(now()):
                attempt = asyncio.create_task(self._dial(peer))
                self._attempts.add(attempt)
                attempt.add_done_callback(self._attempts.discard)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), self._turns.patience(now()))
            asked = self._turns.asked
            if asked is not None and now() >= asked.deadline:
                self._lose(asked, f"no answer within {self.reply_timeout:g} s")

    def send(self, peer: Peer, octets: bytes) -> None:
        """Send to a server, as soon as the connection takes it. Raises ConnectionLost."""
        self._line(peer).write(octets)

    async def drain(self, peer: Peer) -> None:
        """Wait until the connection takes more. Raises ConnectionLost."""
        line = self._line(peer)
        try:
            await asyncio.wait_for(line.writable.wait(), self.reply_timeout)
        except TimeoutError:
            self._lose(peer, f"it took nothing for {self.reply_timeout:g} s")
        self._line(peer)

    def finish(self, peer: Peer, command: int, *args: bytes, last: bool) -> None:
        """End the running job; unless it is the `last`, ask for another one at once. Raises ConnectionLost."""
        now = asyncio.get_running_loop().time()
        self.send(peer, self._turns.finish(peer, command, *args, last=last, now=now))

    async def close(self) -> None:
        """Close all connections; what was sent goes out first."""
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        lines = list(self._lines.values())
        self._lines.clear()
        for line in lines:
            line.close()
        try:
            async with asyncio.timeout(self.reply_timeout):
                for line in lines:
                    await line.closed.wait()
        except TimeoutError:
            pass
        finally:
            for line in lines:
                line.abort()

    def _line(self, peer: Peer) -> _Line:
        line = self._lines.get(peer.address)
        if line is None:
            raise ConnectionLost(f"the connection to {peer.address} is gone")
        return line

    async def _dial(self, peer: Peer) -> None:
        def heard(line: _Line, octets: bytes) -> None:
            if self._lines.get(peer.address) is line:
                self._listen(peer, octets)

        def lost(line: _Line, reason: str) -> None:
            if self._lines.get(peer.address) is line:
                self._lose(peer, reason)

        try:
            line = await connect(peer.address, self._connect_timeout, lambda raw: _Line(heard, lost), self._tls)
        except OSError as error:
            self._lose(peer, f"it cannot be reached ({error.strerror or error})")
            return
        self._lines[peer.address] = line
        line.write(self._turns.greet(peer))
        self._bell.set()

    def _listen(self, peer: Peer, octets: bytes) -> None:
        """Take in what a server sent."""
        try:
            heard = self._turns.heard(peer, octets)
        except ProtocolError as error:
            self._lose(peer, str(error))
            return
        self._absences.spoke(peer.address)
        for complaint in heard.complaints:
            log.warning("job server %s: %s", peer.address, complaint)
        if heard.answer:
            self.send(peer, heard.answer)
        if heard.job is not None:
            self._assigned = (peer, heard.job)
        self._bell.set()

    def _lose(self, peer: Peer, reason: str) -> None:
        line = self._lines.pop(peer.address, None)
        if line is not None:
            line.abort()
        self._turns.lose(peer, asyncio.get_running_loop().time(), random.random())
        self._absences.away(peer.address, reason)
        self._bell.set()
