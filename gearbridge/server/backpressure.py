"""Backpressure: a worker that streams to a client that reads slowly is read from no more until that has caught up.

Without it a client that reads at its own pace would be cut off as soon as its worker is faster, or would have all of
the result in the server's memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from gearbridge.core.peer import Peer

#: Bytes that wait for a client before its workers are held back.
MOST_WAITING = 1024 * 1024


class Reader(Protocol):
    """A connection that may read slowly, or be paused for one that does. `taken`: bytes, as the sweeper last saw."""

    peer: Peer
    transport: asyncio.Transport
    taken: int
    taken_at: float

    def read_so_far(self) -> int:
        """Return the bytes it has read since it fell behind."""

    def pause(self, reason: object) -> None:
        """Read no more until this reason is gone."""

    def resume(self, reason: object) -> None:
        """This reason is gone."""


class Backpressure:
    """Knows the connections that read more slowly than they are written to. `most` is the largest outbox allowed."""

    def __init__(self, most: int) -> None:
        self._most = min(MOST_WAITING, most // 2)
        #: Connections with something waiting, and the workers that each holds back.
        self.slow: dict[Reader, set[Reader]] = {}

    def fell_behind(self, connection: Reader) -> None:
        """More waits for this connection than its socket takes."""
        self.slow.setdefault(connection, set())

    def caught_up(self, connection: Reader) -> None:
        """It has read nearly all, or is gone: those that it held back go on."""
        for worker in self.slow.pop(connection, ()):
            worker.resume(connection)

    def hold_back(self, source: Reader, written: Iterable[Peer]) -> None:
        """Pause `source` if it is a worker, and too much waits already for a client that it has just sent to."""
        if not source.peer.functions:
            return
        for peer in written:
            held = self.slow.get(peer.owner)  # type: ignore[call-overload]  # owner is what `connect` was given
            if held is None or peer.owner is source or (peer.functions and not peer.awaited):
                continue
            if self.is_too_much(peer.owner):  # type: ignore[arg-type]
                held.add(source)
                source.pause(peer.owner)

    def is_too_much(self, connection: Reader) -> bool:
        """Return whether so much waits to be sent to it that others are paused for it."""
        return connection.transport.get_write_buffer_size() > self._most
