"""Where connections come in: plain or over TLS, and only as many as there may be."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.process.sockets import Keepalive, listen

from .connection import Connection
from .tls import server_context
from .tls_listener import TlsListener

if TYPE_CHECKING:
    import ssl
    from socket import socket

    from .config import ServerConfig
    from .connection import Shell

_log = logging.getLogger(__name__)

#: Seconds that peers have to take their last replies when the server stops.
CLOSE_TIMEOUT = 2.0


class Listener:
    """The listening sockets of `config`; with a `tls` context for TLS alone. Connections belong to `shell`."""

    def __init__(self, config: ServerConfig, shell: Shell, tls: ssl.SSLContext | None) -> None:
        self._config = config
        self._shell = shell
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._tls_listener: TlsListener | None = None

    def sockets(self) -> list[socket]:
        """Take the port. Raises ConfigurationError."""
        config = self._config
        keepalive = None
        if config.keepalive:
            keepalive = Keepalive(config.keepalive_idle, config.keepalive_interval, config.keepalive_count)
        return listen(config.listen, config.port, config.backlog, keepalive)

    async def open(self, sockets: list[socket]) -> None:
        """Let connections in."""
        if self._tls is not None:
            self._tls_listener = TlsListener(
                sockets, self._shell, self._tls, self._config.ssl_handshake_timeout, CLOSE_TIMEOUT
            )
            return
        loop = asyncio.get_running_loop()
        backlog = self._config.backlog  # given again: the loop listens anew, with 100 by default
        self._servers = [
            await loop.create_server(lambda: Connection(self._shell), sock=opened, backlog=backlog)
            for opened in sockets
        ]

    def close(self) -> None:
        """Accept no more connections; open ones stay."""
        if self._tls_listener is not None:
            self._tls_listener.close()
        for server in self._servers:
            server.close()

    def reload(self) -> None:
        """Read the certificates anew, for the connections to come. Where they are wrong the old ones stay."""
        if self._tls_listener is None:
            return
        try:
            context = server_context(self._config)
            assert context is not None  # or there would be no listener for TLS
        except ConfigurationError as error:
            _log.error("the certificates cannot be reloaded, the previous ones stay in use: %s", error)
            return
        self._tls_listener.context = context
        _log.info("the certificates were reloaded")
