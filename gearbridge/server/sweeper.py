"""Looking, every now and then, for connections that hold something and go on no more.

No connection has a clock of its own: each notes that it heard something, and a sweep over all of them compares.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .connection import Connection

_log = logging.getLogger(__name__)

#: Sweeps within the shortest timeout: what is over it is noticed that much of it later.
_SWEEPS = 4
_LONGEST_PAUSE = 15.0


class Sweeper:
    """Drops the connections whose packet has begun and not gone on for `packet_timeout` seconds, and the idle ones.
    So it drops those that are to be closed and do not take their last replies. Idle are those that said nothing for
    `idle_timeout` seconds and wait for nothing either: see Peer.is_idle. A timeout of 0 is none. A connection that the
    server itself does not read from at the moment is neither.
    """

    def __init__(self, connections: Iterable[Connection], packet_timeout: float, idle_timeout: float) -> None:
        self._connections = connections
        self._packet_timeout = packet_timeout
        self._idle_timeout = idle_timeout
        timeouts = [timeout for timeout in (packet_timeout, idle_timeout) if timeout]
        self._pause = min(min(timeouts) / _SWEEPS, _LONGEST_PAUSE) if timeouts else 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, unless there is nothing to look for."""
        if self._pause:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pause, self._timed, loop)

    def stop(self) -> None:
        """Drop nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _timed(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep(loop.time())
        self.start()

    def _sweep(self, now: float) -> None:
        stuck: list[Connection] = []
        idle: list[Connection] = []
        for connection in self._connections:
            closing = connection.transport.is_closing()
            if connection.heard or (connection.paused and not closing):
                connection.heard = False
                connection.quiet_since = now
                continue
            quiet = now - connection.quiet_since
            if closing or connection.parser.gathered:
                if self._packet_timeout and quiet >= self._packet_timeout:
                    stuck.append(connection)
            elif self._idle_timeout and quiet >= self._idle_timeout and connection.peer.is_idle():
                idle.append(connection)
        for dropped, why in ((stuck, "a packet did not go on"), (idle, "idle")):
            if dropped:
                _log.warning("dropped %d connections (%s) from %s", len(dropped), why, _addresses(dropped))
                for connection in dropped:
                    connection.transport.abort()


def _addresses(connections: list[Connection]) -> str:
    addresses = sorted({connection.peer.address for connection in connections})
    return ", ".join([*addresses[:5], *(["..."] if len(addresses) > 5 else [])])
