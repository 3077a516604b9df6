"""Serving the application inside a running event loop, and who may listen where."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import uvicorn
import uvicorn.lifespan.off  # here, and not when it serves: the server may become another user before

from gearbridge.errors import ConfigurationError
from gearbridge.process.sockets import listen, shown

from .access import Access, is_loopback
from .crowd import Crowd, quieten
from .gearmand_routes import gearmand_application
from .visitor import Visitor, Visitors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from socket import socket

    from starlette.types import ASGIApp

    from gearbridge.server.connection_limit import ConnectionLimit

    from .monitor import Monitor

#: Connections that the system may hold before they are accepted.
BACKLOG = 128
#: Seconds that answers have to end when the server stops.
_CLOSE_TIMEOUT = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpConfig:
    """host, port: the address to listen on; port 0 takes a free one.
    token: the token that requests must carry; None: none.
    certificate, key: files for TLS, PEM; the key may be in the certificate's file.
    client_ca: file of the authorities whose certificates clients must show; '' asks for none.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None
    certificate: str = ""
    key: str = ""
    client_ca: str = ""

    def check(self) -> None:
        """Check the settings. Raises ConfigurationError where it would be open to other hosts, or TLS is incomplete."""
        if (self.key or self.client_ca) and not self.certificate:
            raise ConfigurationError("--http-key and --http-client-ca need --http-certificate")
        if not self.token and not self.client_ca and not is_loopback(self.host):
            raise ConfigurationError(
                f"--http on {self.host or 'all interfaces'} would be open to anyone: give "
                "--http-token-file (or --http-token), or --http-client-ca, or listen on 127.0.0.1"
            )


def read_address(text: str) -> tuple[str, int]:
    """HOST:PORT, [HOST]:PORT, :PORT for all interfaces, or a PORT on 127.0.0.1. Raises ConfigurationError."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ConfigurationError(f"{text!r} is not HOST:PORT")
    return (host.removeprefix("[").removesuffix("]"), int(port)) if colon else ("127.0.0.1", int(port))


class _Beside(uvicorn.Server):
    """uvicorn, without its signal handlers: signals are the job server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def served(
    app: ASGIApp, config: HttpConfig, announce: Callable[[str], None], door: ConnectionLimit | None = None
) -> AsyncIterator[str]:
    """Serve an application, guarded, while the block runs; gives the URL. `announce` gets a line with the address.

    Connections are counted at `door`, where there is one.

    Raises ConfigurationError when it cannot listen there.
    """
    config.check()
    guarded = Access(app, config.token, [name for name in (config.host, os.uname().nodename) if name])
    context = _tls(config)
    sockets = listen(config.host, config.port, BACKLOG)
    url = f"{'https' if context else 'http'}://{shown(sockets[0])}/"
    announce(f"gearbridge dashboard on {url}")
    async with listening(guarded, sockets, context, door):
        yield url


@contextlib.asynccontextmanager
async def gearmand_served(
    seen: Monitor, host: str, port: int, announce: Callable[[str], None], door: ConnectionLimit | None = None
) -> AsyncIterator[str]:
    """Serve gearmand's HTTP protocol while the block runs; gives the URL. Raises ConfigurationError.

    As on Gearman's own port there is no password; on loopback the Host header must name this machine, as for `served`.
    """
    sockets = listen(host, port, BACKLOG)
    url = f"http://{shown(sockets[0])}/"
    app = gearmand_application(seen)
    async with listening(Access(app, None, ()) if is_loopback(host) else app, sockets, door=door):
        announce(f"gearmand's HTTP protocol on {url}")
        yield url


@contextlib.asynccontextmanager
async def listening(
    app: ASGIApp, sockets: list[socket], context: ssl.SSLContext | None = None, door: ConnectionLimit | None = None
) -> AsyncIterator[None]:
    """Serve an application on these sockets while the block runs."""
    quieten(logging.getLogger("uvicorn.error"))
    visitors = Visitors(door)
    server = _Beside(
        uvicorn.Config(
            Crowd(app),
            http=partial(Visitor, visitors),  # type: ignore[arg-type]  # it is called, and nothing more
            lifespan="off",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            backlog=BACKLOG,
            timeout_graceful_shutdown=_CLOSE_TIMEOUT,
            ssl_context_factory=(lambda _config, _default: context) if context else None,
        )
    )
    serving = asyncio.create_task(server.serve(sockets))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _tls(config: HttpConfig) -> ssl.SSLContext | None:
    if not config.certificate:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(config.certificate, config.key or None)
        if config.client_ca:
            context.load_verify_locations(config.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise ConfigurationError(f"the certificate, key or CA of --http cannot be used: {error}") from error
    return context
