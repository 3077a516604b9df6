"""The bridge's link to one job server, and the choice of that one among several.

Rules of this file:
1. Jobs go to the first server that answers; one that cannot be reached is left alone for some seconds. To accept a
   connection is no answer: that is what a proxy does whose server is gone, and a server that wants another certificate.
2. A silent link is probed; one that does not answer then is lost, although it was not closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from typing import TYPE_CHECKING, Any

from gearbridge.client.aio_link import AsyncLink
from gearbridge.client.connection import parse_servers
from gearbridge.client.server_order import ServerOrder
from gearbridge.errors import ConfigurationError, ConnectionLost, ProtocolError, ReplyTimeout

from .flight import Flight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gearbridge.client.connection import Address
    from gearbridge.client.session import Reply
    from gearbridge.client.tls import Tls

_log = logging.getLogger(__name__)

#: Seconds to connect, and again until the server has answered.
CONNECT_TIMEOUT = 3.0
#: Seconds of silence after which the server is asked, and after which the link is lost.
ASK_AFTER = 2.0
LOST_AFTER = 5.0
#: Seconds between two rounds of attempts to connect: the first pause, and the longest, to which they double.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class JobServerLink(AsyncLink):
    """A link whose conversation is the relay's. `on_replies` and `on_room` are to be set before jobs are sent."""

    on_replies: Callable[[list[Reply]], None]
    on_room: Callable[[], None]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.on_replies = lambda _replies: None
        self.on_room = lambda: None
        self._answered = asyncio.Event()
        self._heard = asyncio.get_running_loop().time()
        self._asked = False

    @property
    def has_room(self) -> bool:
        """Whether the socket accepts more."""
        return self._writable.is_set() and self._failure is None

    @property
    def failure(self) -> Exception | None:
        """The reason for the loss of the link."""
        return self._failure

    async def hear(self, seconds: float) -> None:
        """Ask the server whether it is there, and wait for its answer. Raises OSError, and the link is lost then."""
        self.write(self.session.echo(None, b""))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answered.wait()
        if not self._answered.is_set():
            self.late()
        if self._failure is not None:
            why = str(self._failure).removeprefix(f"{self.address} ")
            if isinstance(
                self._failure, ConnectionLost
            ):  # TLS 1.3: a client without a certificate gets no other answer
                why += ": does it want TLS, or another certificate?"
            raise ConnectionAbortedError(errno.ECONNABORTED, why)

    def lose(self, error: Exception) -> None:
        super().lose(error)
        self._answered.set()

    def write(self, octets: bytes) -> None:
        """Send what `session` has encoded; without effect on a lost link."""
        if octets and self._failure is None and self._transport is not None:
            self._transport.write(octets)

    def look_after(self) -> None:
        """Ask a silent server whether it is there; give up one that does not answer. To be called every second."""
        silence = asyncio.get_running_loop().time() - self._heard
        if silence > LOST_AFTER:
            self.lose(ReplyTimeout(f"{self.address} has not answered for {silence:.0f} s"))
        elif silence > ASK_AFTER and not self._asked:
            self._asked = True
            self.write(self.session.echo(None, b""))

    def data_received(self, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        self._asked = False
        if self._failure is not None:
            return
        try:
            replies = self.session.receive(data)
        except ProtocolError as error:
            self.lose(error)
            return
        self._answered.set()
        self.on_replies([reply for reply in replies if isinstance(reply[0], Flight)])

    def resume_writing(self) -> None:
        super().resume_writing()
        self.on_room()


class JobServers:
    """The job servers to link to, with certificates. Raises ConfigurationError where those cannot be used."""

    def __init__(self, servers: Sequence[str], tls: Tls | None = None) -> None:
        self._choice = ServerOrder(parse_servers(servers))
        self._tls = tls
        self._context = None if tls is None else tls.context()

    async def connect(self) -> JobServerLink:
        """Link to the first server that answers, however long it takes until one does."""
        pause = FIRST_PAUSE
        told = False
        while True:
            link = await self._try_all()
            if link is not None:
                return link
            if not told:
                told = True
                _log.error("%s; retrying", self._choice.unreachable())
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def reload(self) -> None:
        """Read the certificates anew, for links to come; where they cannot be used go on with the old ones."""
        if self._tls is not None:
            try:
                self._context = self._tls.context()
            except ConfigurationError as error:
                _log.error("%s; the previous certificates stay in use", error)

    def troubles(self) -> list[tuple[Address, str | None]]:
        """Each server, and why it could not be reached when it was last tried."""
        return [(address, self._choice.trouble(address)) for address in self._choice.addresses]

    async def _try_all(self) -> JobServerLink | None:
        now = asyncio.get_running_loop().time
        for address in self._choice.order(now()):
            try:
                link = await JobServerLink.connect(address, CONNECT_TIMEOUT, self._context)
                assert isinstance(link, JobServerLink)  # `connect` makes one of its own class
                await link.hear(CONNECT_TIMEOUT)
            except OSError as error:
                self._choice.failed(address, now(), error.strerror or str(error))
                continue
            self._choice.reached(address)
            return link
        return None
