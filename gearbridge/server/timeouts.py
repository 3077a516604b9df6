"""Timeouts of connections that hold resources without progress.

No connection has a timer of its own: each records that it received something, and a sweep over all compares.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .backpressure import Backpressure, Reader
    from .connection import Connection

_log = logging.getLogger(__name__)

#: Sweeps within the shortest timeout: what is over it is noticed that much of it later.
_SWEEPS = 4
_LONGEST_PAUSE = 15.0


class Sweeper:
    """The sweep that drops connections with a packet that stands still for `packet_timeout` seconds, and idle ones.
    It also drops those that are to be closed and do not read their last replies. Idle are those that sent nothing for
    `idle_timeout` seconds and wait for nothing either: see Peer.is_idle. A timeout of 0 is none. A connection that the
    server itself does not read from at the moment is neither. It also drops those that read nothing for a quarter of
    `packet_timeout`, of so much that they hold back others or are not read from themselves.
    """

    def __init__(
        self,
        connections: Iterable[Connection],
        backpressure: Backpressure,
        packet_timeout: float,
        idle_timeout: float,
    ) -> None:
        self._connections = connections
        self._backpressure = backpressure
        self._packet_timeout = packet_timeout
        self._idle_timeout = idle_timeout
        self._reading_timeout = packet_timeout / _SWEEPS
        timeouts = [timeout for timeout in (self._reading_timeout, idle_timeout) if timeout]
        self._pause = min(min(timeouts) / _SWEEPS, _LONGEST_PAUSE) if timeouts else 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, unless there is nothing to look for."""
        if self._pause:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pause, self._timed, loop)

    def stop(self) -> None:
        """Stop the sweeps."""
        if self._timer is not None:
            self._timer.cancel()

    def _timed(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep(loop.time())
        self.start()

    def _deaf(self, now: float) -> list[Reader]:
        """Those that read nothing of much for too long. What a connection has read is compared with the last sweep."""
        deaf: list[Reader] = []
        for connection in self._backpressure.slow:
            taken = connection.read_so_far()
            if taken != connection.taken:
                connection.taken, connection.taken_at = taken, now
                continue
            too_long = self._packet_timeout and now - connection.taken_at >= self._reading_timeout
            if too_long and self._backpressure.is_too_much(connection):
                deaf.append(connection)
        return deaf

    def _sweep(self, now: float) -> None:
        stuck: list[Reader] = []
        idle: list[Reader] = []
        for connection in self._connections:
            closing = connection.transport.is_closing()
            if connection.heard or (connection.paused and not closing):
                connection.heard = False
                connection.quiet_since = now
                continue
            quiet = now - connection.quiet_since
            if closing or connection.parser.is_amid_packet:
                if self._packet_timeout and quiet >= self._packet_timeout:
                    stuck.append(connection)
            elif self._idle_timeout and quiet >= self._idle_timeout and connection.peer.is_idle():
                idle.append(connection)
        deaf = self._deaf(now)
        for dropped, why in (
            (stuck, "a packet did not go on"),
            (idle, "idle"),
            (deaf, "more waits for them than they read"),
        ):
            if dropped:
                _log.warning("dropped %d connections (%s) from %s", len(dropped), why, _addresses(dropped))
                for one in dropped:
                    one.transport.abort()


def _addresses(connections: Iterable[Reader]) -> str:
    addresses = sorted({connection.peer.address for connection in connections})
    return ", ".join([*addresses[:5], *(["..."] if len(addresses) > 5 else [])])
