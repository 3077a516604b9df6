"""A server that does what a test tells it, byte by byte: for what no real server can be brought to do on demand."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Self

from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType


class Scripted:
    """Listens on 127.0.0.1. `accept` takes the next connection; the test reads and writes it as it likes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self._connections: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self) -> socket.socket:
        connection, _ = self._listener.accept()
        connection.settimeout(PATIENCE)
        self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Close all connections, and refuse new ones."""
        for connection in (*self._connections, self._listener):
            with contextlib.suppress(OSError):
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
