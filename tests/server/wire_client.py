"""A plain connection to a job server, packet by packet, for tests of what happens in between."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from gearbridge.wire import commands
from gearbridge.wire.packets import RESPONSE_MAGIC, request
from gearbridge.wire.parser import PacketParser

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

Reply = tuple[str, ...]


class WireClient:
    """Sends packets and hears packets; every wait ends after 30 seconds. `tls` is how it shakes hands, if it does."""

    def __init__(self, port: int, receive_buffer: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(30)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._parser = PacketParser(RESPONSE_MAGIC)
        self._heard: list[Reply] = []

    def send(self, command: str, *args: str | bytes) -> None:
        self.socket.sendall(packet(command, *args))

    def hear(self) -> Reply:
        """The next packet: its name and arguments. EOFError when the server closed."""
        while not self._heard:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the server closed the connection")
            for command, args in self._parser.feed(data):
                self._heard.append((commands.name_of(command), *(arg.decode("latin-1") for arg in args)))
        return self._heard.pop(0)

    def ask(self, command: str, *args: str | bytes) -> Reply:
        self.send(command, *args)
        return self.hear()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def packet(command: str, *args: str | bytes) -> bytes:
    encoded = [arg.encode() if isinstance(arg, str) else arg for arg in args]
    return request(getattr(commands, command), *encoded)
