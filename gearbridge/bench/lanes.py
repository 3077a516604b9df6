"""What every load is made of: connections with prepared packets, and what a phase of a run measured.

Plain connections, and packets that are encoded before the clock starts, so that what is measured is the server. All
connections of a phase are served by one thread: next to a server that leaves a core free.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Self

from gearbridge.client.connection import Address, Connection
from gearbridge.errors import ConnectionLost, GearbridgeError, ReplyTimeout, ServerError
from gearbridge.wire import commands
from gearbridge.wire.packets import RESPONSE_MAGIC, request
from gearbridge.wire.parser import PacketParser

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import TracebackType

    from gearbridge.wire.parser import Packet

#: Seconds without any answer after which a run is given up.
STALL = 60.0


class Phase(NamedTuple):
    """The measurements of one phase: jobs, seconds, and latencies in seconds from a request to its answer."""

    jobs: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds if self.seconds else 0.0


class Lane:
    """One connection of a phase. Raises OSError where there is none."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None = None) -> None:
        self.connection = Connection(address, STALL, tls=tls)
        self.feed = PacketParser(RESPONSE_MAGIC).feed
        self.width = 1  # of a packet to be submitted; all have the same
        self.packets: memoryview = memoryview(b"")  # what is still to be submitted
        self.asked: deque[tuple[float, int]] = deque()  # when how many requests were sent

    def send(self, octets: bytes | memoryview) -> None:
        """Send all of it. Raises ConnectionLost, ReplyTimeout."""
        self.connection.send(octets, time.monotonic() + STALL)

    def submit(self, jobs: int) -> None:
        """Send the next `jobs` submits, or as many as there are."""
        size = jobs * self.width
        packets = self.packets[:size]
        if packets:
            self.packets = self.packets[size:]
            self.asked.append((time.perf_counter(), len(packets) // self.width))
            self.send(packets)

    def receive(self) -> list[Packet]:
        """Return what arrived. Raises ConnectionLost at the end."""
        data = self.connection.receive_waiting()
        if data is None:
            return []
        if not data:
            raise ConnectionLost("the server closed a connection in the middle of the run")
        return self.feed(data)

    def wait(self) -> list[Packet]:
        """Return what arrives next. Raises ConnectionLost, ReplyTimeout."""
        return self.feed(self.connection.receive(time.monotonic() + STALL))


class Lanes:
    """The connections of a phase, and which of them have something to read. A context manager."""

    def __init__(self, address: tuple[str, int], count: int, tls: ssl.SSLContext | None = None) -> None:
        server = Address(*address)
        self._selector = selectors.DefaultSelector()
        self.all: list[Lane] = []
        try:
            for _ in range(count):
                lane = Lane(server, tls)
                self.all.append(lane)
                self._selector.register(lane.connection, selectors.EVENT_READ, lane)
        except OSError as error:
            self.close()
            raise GearbridgeError(f"cannot connect to {server}: {error.strerror or error}") from error

    def readable(self) -> list[Lane]:
        """Wait until something came; the lanes it came on. Raises ReplyTimeout."""
        ready = self._selector.select(STALL)
        if not ready:
            raise ReplyTimeout(f"no answer for {STALL:.0f} s")
        return [key.data for key, _ in ready]

    def close(self) -> None:
        """Close all of them."""
        for lane in self.all:
            lane.connection.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unexpected(command: int, args: Sequence[bytes]) -> GearbridgeError:
    """Return the exception for a packet that has no place in the load: ServerError for an ERROR."""
    if command == commands.ERROR:
        return ServerError(args[0].decode(), args[1].decode())
    return GearbridgeError(f"{commands.name_of(command)} was not expected here")


def prepare(lanes: list[Lane], command: int, function: bytes, jobs: int, size: int) -> None:
    """Encode `jobs` submits of `size` bytes, each with a unique key of its own, shared out over the lanes."""
    run = os.urandom(4).hex().encode()
    payload = os.urandom(size)
    share, rest = divmod(jobs, len(lanes))
    number = 0
    for index, lane in enumerate(lanes):
        count = share + (index < rest)
        lane.width = len(request(command, function, b"%b-%010d" % (run, 0), payload))
        lane.packets = memoryview(
            b"".join(
                request(command, function, b"%b-%010d" % (run, key), payload) for key in range(number, number + count)
            )
        )
        number += count


def measured(jobs: int, seconds: float, latencies: list[tuple[float, int]]) -> Phase:
    """A phase; `latencies` are in seconds, each with how many jobs it counts for."""
    latencies.sort()
    return Phase(jobs, seconds, _percentile(latencies, 0.50), _percentile(latencies, 0.99))


def _percentile(latencies: list[tuple[float, int]], fraction: float) -> float:
    rank = fraction * sum(count for _, count in latencies)
    for latency, count in latencies:
        rank -= count
        if rank <= 0:
            return latency
    return 0.0
