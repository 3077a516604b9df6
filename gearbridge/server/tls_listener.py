"""Listening for TLS: a connection becomes a Connection once its handshake is done, and is dropped where it fails.

Accepted here and not by the event loop, because a connection in its handshake must be counted, reported and dropped
too: to the loop's own TLS server such a connection does not exist yet.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from gearbridge.process.rate_limited_log import RateLimitedLog
from gearbridge.tls_files import reason

from .connection import Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from .connection import Shell

_log = logging.getLogger(__name__)

#: Seconds without accepting after the system had no more descriptors.
_EXHAUSTED_PAUSE = 0.5


class TlsListener:
    """Accepts on `sockets`, which are listening and do not block.

    `context` may be replaced while it runs: it is for the handshakes to come. A handshake has `handshake_timeout`
    seconds, and the closing alert at the end `goodbye_timeout`.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        shell: Shell,
        context: ssl.SSLContext,
        handshake_timeout: float,
        goodbye_timeout: float,
    ) -> None:
        self.context = context
        self._sockets = sockets
        self._shell = shell
        self._handshake_timeout = handshake_timeout
        self._goodbye_timeout = goodbye_timeout
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._failed = RateLimitedLog(_log)
        self._closed = False
        self._listen()

    def close(self) -> None:
        """Accept nothing more, and give up the handshakes under way."""
        if not self._closed:
            self._closed = True
            for listening in self._sockets:
                self._loop.remove_reader(listening.fileno())
                listening.close()
        for handshake in self._handshakes:
            handshake.cancel()

    def _listen(self) -> None:
        if not self._closed:
            for listening in self._sockets:
                self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                raw, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.error("cannot accept connections: %s", error.strerror)
                for other in self._sockets:
                    self._loop.remove_reader(other.fileno())
                self._loop.call_later(_EXHAUSTED_PAUSE, self._listen)
                return
            connection = Connection(self._shell)
            if not self._shell.admit(connection):
                raw.close()
                continue
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handshake = self._loop.create_task(self._shake_hands(connection, raw, address[0]))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, connection: Connection, raw: socket.socket, address: str) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                raw,
                ssl=self.context,
                ssl_handshake_timeout=self._handshake_timeout,
                ssl_shutdown_timeout=self._goodbye_timeout,
            )
        except OSError as error:
            self._shell.lost(connection)
            self._failed.warn("TLS handshake with %s failed: %s", address, reason(error))
        except asyncio.CancelledError:
            self._shell.lost(connection)
            raise
