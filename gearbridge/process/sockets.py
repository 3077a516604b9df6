"""Opening the sockets a server listens on."""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from gearbridge.errors import ConfigurationError

#: A host may name addresses of a family that this machine does not have; those are left out.
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


class Keepalive(NamedTuple):
    """TCP keepalive: seconds until the first probe and between two, and how many; -1 is the system's own."""

    idle: int
    interval: int
    probes: int


def listen(host: str, port: int, backlog: int, keepalive: Keepalive | None = None) -> list[socket.socket]:
    """Listen on every address that `host` has (all interfaces when empty), on the same port everywhere.

    Port 0 takes a free one. Raises ConfigurationError when none, or one that exists, cannot be had.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ConfigurationError(f"cannot listen on {host!r}: {error.strerror}") from error
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    # IPv4 first: with port 0 the first address chooses the port, and 127.0.0.1 is what people type.
    for family, _, _, _, address in sorted(set(found), key=lambda entry: entry[0]):
        try:
            sockets.append(_bound(family, (address[0], port, *address[2:]), backlog, keepalive))
        except OSError as error:
            if error.errno in _ABSENT:
                absent = error
                continue
            for opened in sockets:
                opened.close()
            raise ConfigurationError(f"cannot listen on {address[0]} port {port}: {error.strerror}") from error
        port = sockets[0].getsockname()[1]
    if not sockets:
        raise ConfigurationError(f"cannot listen on {host!r}: {absent.strerror if absent else 'it has no address'}")
    return sockets


def shown(listening: socket.socket) -> str:
    """HOST:PORT as one types it."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(family: int, address: tuple[object, ...], backlog: int, keepalive: Keepalive | None) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if keepalive is not None:
            _keep_alive(opened, keepalive)  # what is accepted inherits it
        opened.bind(address)
        opened.listen(backlog)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _keep_alive(opened: socket.socket, keepalive: Keepalive) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    for name, number in zip(names, keepalive, strict=True):
        if number >= 0 and hasattr(socket, name):  # not every system has all of them
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), number)
