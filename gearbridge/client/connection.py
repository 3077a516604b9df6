"""One blocking connection to one server. It knows addresses, time and sockets, but not the meaning of the bytes.

Rules of this file:
1. No wait is longer than a slice of 20 ms without a look at `on_wait` and the deadline: inside PostgreSQL a blocked
   recv reacts neither to statement_timeout nor to cancel. The kernel cuts the slices (SO_RCVTIMEO), so a reply is one
   system call. Only the resolution of a host's name cannot be cut.
2. A deadline is a value of time.monotonic(); None means no limit.
3. The caller closes the connection after an exception: how much was sent or received is not known any more.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigurationError, ConnectionLost, ReplyTimeout

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from .tls import TlsSocket

DEFAULT_PORT = 4730

SLICE = 0.020  # seconds
#: Looks before a receive blocks. A server on this machine answers within some 20 us, and to wake a core that sleeps
#: takes longer: round trips are about twice as many. The client of a distant server loses the same 20 us.
LOOKS = 20
RECEIVE_SIZE = 64 * 1024  # bytes; most that one receive returns
_SLICE_TIMEVAL = struct.pack("@ll", 0, int(SLICE * 1_000_000))
# A server whose machine is gone sends no FIN: after a minute of silence ask, and give up half a minute later.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
# The core may be the one that the server needs.
_let_others_run: Callable[[], None] = getattr(os, "sched_yield", lambda: None)


class Address(NamedTuple):
    """A server's address, written as `host:port`, with brackets around an IPv6 address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_servers(servers: str | Sequence[str]) -> tuple[Address, ...]:
    """Read "host:port,host2:port2" or a sequence of such; the port defaults to 4730. A server named twice counts once.

    Raises ConfigurationError, naming what cannot be read.
    """
    texts = [servers] if isinstance(servers, str) else servers
    items = [item.strip() for text in texts for item in text.split(",")]
    addresses = tuple(dict.fromkeys(_parse_address(item) for item in items if item))
    if not addresses:
        raise ConfigurationError("no job server given: write HOST:PORT, or HOST:PORT,HOST:PORT for several")
    return addresses


def _parse_address(text: str) -> Address:
    port: str | None = None
    host = text
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and rest[0] != ":"):
            raise ConfigurationError(f"cannot read server {text!r}: write an IPv6 address as [ADDRESS]:PORT")
        port = rest[1:] if rest else None
    elif text.count(":") == 1:
        host, port = text.split(":")
    if not host or any(letter in "/@[]" or letter <= " " for letter in host):
        raise ConfigurationError(f"cannot read server {text!r}: write HOST or HOST:PORT")
    if port is None:
        return Address(host, DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise ConfigurationError(f"cannot read server {text!r}: the port must be a number from 1 to 65535")
    return Address(host, int(port))


def prepare(candidate: socket.socket) -> None:
    """Make a socket that is connected ready for a conversation. Raises OSError where it is connected to itself."""
    if candidate.getsockname() == candidate.getpeername():
        # TCP lets a socket connect to itself when the port of a dead server happens to be given to it.
        raise ConnectionRefusedError("no server listens there")
    candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # not every system has all three
            candidate.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Connection:
    """An open connection. `on_wait` is called about every 20 ms of waiting; what it raises goes on to the caller."""

    __slots__ = ("_on_wait", "_receive", "_send", "_socket", "address")

    def __init__(
        self,
        address: Address,
        timeout: float,
        on_wait: Callable[[], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect within `timeout` seconds, over all addresses that the name has; with `tls` shake hands in that time.

        Raises OSError.
        """
        self.address = address
        self._on_wait = on_wait
        deadline = monotonic() + timeout
        late = TimeoutError(f"no answer within {timeout:g} s")
        plain = self._connect(deadline, late)
        self._socket: socket.socket | TlsSocket = plain
        if tls is not None:
            self._socket = self._secure(plain, tls, deadline, late)
        self._receive = self._socket.recv
        self._send = self._socket.send

    def _connect(self, deadline: float, late: TimeoutError) -> socket.socket:
        failure: OSError = OSError("the name has no address")
        try:
            found = socket.getaddrinfo(*self.address, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(f"not a host name: {error}") from error
        for family, kind, protocol, _, target in found:
            candidate = socket.socket(family, kind, protocol)
            try:
                self._establish(candidate, target, deadline, late)
            except OSError as error:
                candidate.close()
                failure = error
            except BaseException:
                candidate.close()
                raise
            else:
                return candidate
        raise failure

    def _establish(
        self, candidate: socket.socket, target: tuple[object, ...], deadline: float, late: TimeoutError
    ) -> None:
        candidate.setblocking(False)
        code = candidate.connect_ex(target)
        if code:
            poll = select.poll()
            poll.register(candidate, select.POLLOUT)
            while not poll.poll(int(SLICE * 1000)):
                self._look_up(deadline, late)
            code = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
        candidate.setblocking(True)
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _SLICE_TIMEVAL)
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SLICE_TIMEVAL)
        prepare(candidate)

    def _secure(self, plain: socket.socket, tls: ssl.SSLContext, deadline: float, late: TimeoutError) -> TlsSocket:
        from .tls import TlsSocket  # noqa: PLC0415  not where PostgreSQL runs this

        try:
            secured = TlsSocket(plain, tls, self.address.host, int(SLICE * 1000))
        except BaseException:
            plain.close()
            raise
        try:
            while True:
                try:
                    secured.shake_hands()
                except BlockingIOError:
                    self._look_up(deadline, late)
                else:
                    return secured
        except BaseException:
            secured.close()
            raise

    def fileno(self) -> int:
        """The socket's number, for selectors."""
        return self._socket.fileno()

    def send(self, octets: bytes | memoryview, deadline: float | None) -> None:
        """Send all of `octets`. Raises ConnectionLost, ReplyTimeout."""
        try:
            sent = self._send(octets)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._lost(error) from error
        if sent != len(octets):
            self._send_rest(memoryview(octets)[sent:], deadline)

    def _send_rest(self, octets: memoryview, deadline: float | None) -> None:
        while octets:
            self._look_up(deadline, ReplyTimeout(f"{self.address} did not take the request in time"))
            try:
                octets = octets[self._send(octets) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._lost(error) from error

    def receive(self, deadline: float | None) -> bytes:
        """Wait for bytes and return them, never none. Raises ConnectionLost, ReplyTimeout."""
        looks = LOOKS
        while True:
            try:
                octets = self._receive(RECEIVE_SIZE, socket.MSG_DONTWAIT if looks else 0)
            except BlockingIOError:
                if looks:
                    looks -= 1
                    _let_others_run()
                else:
                    self._look_up(deadline, ReplyTimeout(f"{self.address} did not answer in time"))
                continue
            except OSError as error:
                raise self._lost(error) from error
            if octets:
                return octets
            raise ConnectionLost(f"{self.address} closed the connection before it had answered")

    def receive_waiting(self) -> bytes | None:
        """Return what has come already, without waiting: None for nothing, empty bytes when the server is gone."""
        try:
            return self._receive(RECEIVE_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _look_up(self, deadline: float | None, late: Exception) -> None:
        if self._on_wait is not None:
            self._on_wait()
        if deadline is not None and monotonic() >= deadline:
            raise late

    def _lost(self, error: OSError) -> ConnectionLost:
        return ConnectionLost(f"the connection to {self.address} broke: {error.strerror or error}")

    def close(self) -> None:
        """Close the connection; closing twice is no error."""
        self._socket.close()
