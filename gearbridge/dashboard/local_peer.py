"""A connection to the engine of this process, without a socket: what HTTP asks goes the way that packets go."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol, Self

from gearbridge.errors import ServerError
from gearbridge.wire import commands
from gearbridge.wire.packets import RESPONSE_MAGIC
from gearbridge.wire.parser import PacketParser

if TYPE_CHECKING:
    from types import TracebackType

    from gearbridge.core.engine import Engine
    from gearbridge.wire.parser import Packet


class Shell(Protocol):
    """The part of the service that a local peer uses."""

    engine: Engine

    def flush(self) -> None:
        """Send what the engine has queued for its peers."""


class LocalPeer:
    """One connection. A context manager: leaving it disconnects, and abandons a foreground job that runs for it."""

    def __init__(self, shell: Shell, name: str) -> None:
        self._shell = shell
        self._feed = PacketParser(RESPONSE_MAGIC).feed
        self._arrived: asyncio.Queue[Packet] = asyncio.Queue()
        self.peer = shell.engine.connect(self, 0, name)

    def write_outbox(self) -> None:
        """Called by the service, when there is something for this connection."""
        for packet in self._feed(self.peer.take_outbox()):
            self._arrived.put_nowait(packet)

    def send(self, command: int, *args: bytes) -> None:
        """Send a packet."""
        self._shell.engine.receive(self.peer, [(command, args)], time.monotonic())
        self._shell.flush()

    async def next(self) -> Packet:
        """The next packet that comes, once it is there. Raises ServerError for an ERROR packet."""
        command, args = await self._arrived.get()
        if command == commands.ERROR:
            raise ServerError(*(arg.decode("utf-8", "replace") for arg in args))
        return command, args

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.engine.disconnect(self.peer)
        self._shell.flush()
