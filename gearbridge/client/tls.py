"""The client's side of TLS: whom to trust, who we are, and a socket that speaks it and waits as a plain one does.

Standard library only, Python 3.9 and later. `ssl` is imported for those who use it: a plain client loads nothing of it.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConfigurationError
from ..tls_files import reason, show, trust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class Tls(NamedTuple):
    """The TLS settings of a client or worker; the names are those of gearmand's options. TLS 1.2 and later.

    ca_file: PEM file with the authorities whose servers are trusted; None is the system's.
    certificate: PEM file with our own certificate, for servers that ask for one.
    key: PEM file with its private key; None is the certificate's own file.
    check_name: whether the server's certificate must be for the name or address that we connect to.
    """

    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    check_name: bool = True

    def context(self) -> ssl.SSLContext:
        """Read the files. Raises ConfigurationError, naming the one that is missing or wrong."""
        import ssl  # noqa: PLC0415  only for those who use TLS

        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.check_hostname = self.check_name
        if self.ca_file:
            trust(made, self.ca_file)
        else:
            made.load_default_certs()
        if self.certificate:
            show(made, self.certificate, self.key)
        elif self.key:
            raise ConfigurationError("a TLS key needs its certificate; give both")
        return made


class TlsSocket:
    """The methods of a socket that a Connection uses, over TLS.

    As those of a socket with SO_RCVTIMEO they wait for at most `patience` milliseconds, then raise BlockingIOError.
    What TLS itself finds wrong is a ConnectionAbortedError.
    """

    __slots__ = ("_again", "_error", "_patience", "_poll", "_socket")

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, host: str, patience: int) -> None:
        import ssl  # noqa: PLC0415  as above

        self._again = {ssl.SSLWantReadError: select.POLLIN, ssl.SSLWantWriteError: select.POLLOUT}
        self._error = ssl.SSLError
        self._patience = patience
        raw.setblocking(False)
        self._socket = context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
        self._poll = select.poll()

    def shake_hands(self) -> None:
        """Continue the handshake. Raises BlockingIOError while it is not complete."""
        self._attempt(self._socket.do_handshake)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive as a socket does, with MSG_DONTWAIT as the only flag."""
        octets: bytes = self._attempt(self._socket.recv, size, wait=not flags & socket.MSG_DONTWAIT)
        return octets

    def send(self, octets: bytes | memoryview) -> int:
        """Send as a socket does; return how many of the bytes were taken."""
        sent: int = self._attempt(self._socket.send, octets)
        return sent

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _attempt(self, step: Callable[..., Any], *args: object, wait: bool = True) -> Any:
        """Do it, and once more when the socket is ready for what TLS needs first, which may be the other direction."""
        for last in (False, True):
            try:
                return step(*args)
            except self._error as error:
                needed = self._again.get(type(error))
                if needed is None:
                    raise ConnectionAbortedError(errno.ECONNABORTED, reason(error)) from error
            if last or not wait:
                break
            self._poll.register(self._socket, needed)
            if not self._poll.poll(self._patience):
                break
        raise BlockingIOError
