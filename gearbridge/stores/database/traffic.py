"""The traffic of a connection: the bytes of a socket as the system counts them, and the time since one moved.

A line may be slow, and a machine in between may keep what it was sent for seconds before it passes it on. So the time
that a call takes is no sign of a dead connection; a byte that moves is a sign of a live one.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import NamedTuple

#: Where Linux's struct tcp_info has tcpi_bytes_acked and tcpi_bytes_received, since 4.1.
_COUNTED = struct.Struct("=QQ")
_OFFSET = 120
_LENGTH = _OFFSET + _COUNTED.size

#: Seconds without a byte after which a connection is silent that has nothing on its way.
PATIENCE = 3.0
#: The same where bytes are known to be on their way, in either direction.
STALLED = 10.0
#: Bytes a second that a line carries at least, and most bytes that what is in between may keep: what was acknowledged
#: there may not have arrived.
_SLOWEST = 1 << 18
_KEPT = 16 << 20


class Traffic(NamedTuple):
    """Bytes of a socket so far: those that the other end's system has acknowledged, and those that came."""

    sent: int
    received: int


def traffic_of(sock: socket.socket) -> Traffic | None:
    """The bytes of a TCP socket so far; None where the system does not count them, or the socket is no TCP socket."""
    if sys.platform != "linux":
        return None
    try:
        counted = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    except OSError:
        return None
    return Traffic(*_COUNTED.unpack_from(counted, _OFFSET)) if len(counted) == _LENGTH else None


def unsent(sock: socket.socket) -> int:
    """Return the bytes of ours that wait in the socket, sent or not, for the other end; 0 where unknown."""
    if sys.platform != "linux":
        return 0
    import fcntl  # noqa: PLC0415
    import termios  # noqa: PLC0415

    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))
    except OSError:
        return 0
    return int(waiting)


class Call:
    """One call over a connection, which began at `now` with this traffic. Times are in seconds on one clock."""

    __slots__ = ("_answering", "_first", "_last", "_moved")

    def __init__(self, now: float, traffic: Traffic | None) -> None:
        self._moved = now
        self._first = self._last = traffic
        self._answering = False  # bytes come, and none goes

    def look(self, now: float, traffic: Traffic | None) -> None:
        """Record what has moved so far."""
        last, self._last = self._last, traffic
        if traffic == last or traffic is None:
            return
        self._moved = now
        if last is None:  # the connection was made meanwhile
            self._first = traffic
        else:
            self._answering = traffic.sent == last.sent

    def silence(self, now: float) -> float:
        """Return the seconds since a byte moved; since the call began where bytes are not counted."""
        return now - self._moved

    def patience(self, waiting: int, *, sending: bool) -> float:
        """Return the seconds without a byte after which a call is given up, if the database does nothing for us.

        `waiting` bytes of ours are in the socket; `sending`: the database is sending to us.
        """
        if self._first is None or self._last is None:
            # Bytes are not counted. A database on this machine that sends is there.
            return float("inf") if sending else STALLED if waiting else PATIENCE
        if sending or waiting or self._answering:
            return STALLED
        return PATIENCE + min(self._last.sent - self._first.sent, _KEPT) / _SLOWEST
