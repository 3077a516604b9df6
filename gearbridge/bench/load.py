"""The load itself: plain sockets and prepared packets, so that what is measured is the server.

Submitting keeps a fixed number of packets in flight on each connection; working takes a job, completes it and asks for
the next in one write. All connections of a phase are served by one thread: next to a server that leaves a core free.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from gearbridge.errors import ConnectionLost, GearbridgeError, ReplyTimeout, ServerError
from gearbridge.wire import commands
from gearbridge.wire.packets import GRAB_JOB_UNIQ, PRE_SLEEP, RESPONSE_MAGIC, request
from gearbridge.wire.parser import PacketParser

if TYPE_CHECKING:
    from gearbridge.wire.parser import Packet

#: Seconds without any answer after which a run is given up.
STALL = 60.0
_CHUNK = 1 << 18


class Phase(NamedTuple):
    """What one phase measured: jobs, seconds, and latencies in seconds from a request to its answer."""

    jobs: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds if self.seconds else 0.0


class _Lane:
    """One connection of a phase."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=STALL)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.feed = PacketParser(RESPONSE_MAGIC).feed
        self.packets: memoryview = memoryview(b"")  # what is still to be submitted
        self.asked: deque[tuple[float, int]] = deque()  # when how many requests were sent

    def receive(self) -> list[Packet]:
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionLost("the server closed a connection in the middle of the run")
        return self.feed(data)


class _Lanes:
    """The connections of a phase, and which of them have something to read."""

    def __init__(self, address: tuple[str, int], count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self.all: list[_Lane] = []
        try:
            for _ in range(count):
                lane = _Lane(address)
                self.all.append(lane)
                self._selector.register(lane.socket, selectors.EVENT_READ, lane)
        except OSError as error:
            self.close()
            raise GearbridgeError(f"cannot connect to {address[0]}:{address[1]}: {error.strerror or error}") from error

    def readable(self) -> list[_Lane]:
        ready = self._selector.select(STALL)
        if not ready:
            raise ReplyTimeout(f"no answer for {STALL:.0f} s")
        return [key.data for key, _ in ready]

    def close(self) -> None:
        for lane in self.all:
            lane.socket.close()
        self._selector.close()


def submit(address: tuple[str, int], function: bytes, jobs: int, size: int, connections: int, in_flight: int) -> Phase:
    """Submit background jobs of `size` bytes, each with a unique key of its own; end when all are acknowledged."""
    lanes = _Lanes(address, connections)
    try:
        width = _prepare(lanes.all, function, jobs, size)
        latencies: list[tuple[float, int]] = []
        begin = time.perf_counter()
        for lane in lanes.all:
            _send(lane, in_flight * width, width)
        open_lanes = sum(1 for lane in lanes.all if lane.asked)
        while open_lanes:
            for lane in lanes.readable():
                answered = _acknowledged(lane)
                _settle(lane, answered, latencies)
                if lane.packets:
                    _send(lane, answered * width, width)
                elif not lane.asked:
                    open_lanes -= 1
        return _phase(jobs, time.perf_counter() - begin, latencies)
    finally:
        lanes.close()


def work(address: tuple[str, int], function: bytes, jobs: int, workers: int) -> Phase:
    """Complete `jobs` jobs with this many workers. Latency is from asking for a job to holding it."""
    lanes = _Lanes(address, workers)
    try:
        latencies: list[tuple[float, int]] = []
        done = 0
        begin = time.perf_counter()
        for lane in lanes.all:
            lane.asked.append((time.perf_counter(), 1))
            lane.socket.sendall(request(commands.CAN_DO, function) + GRAB_JOB_UNIQ)
        while done < jobs:
            for lane in lanes.readable():
                done += _work_on(lane, latencies)
        _flush(lanes.all)
        return _phase(done, time.perf_counter() - begin, latencies)
    finally:
        lanes.close()


def _prepare(lanes: list[_Lane], function: bytes, jobs: int, size: int) -> int:
    """Encode every packet before the clock starts; all have the same width, which is returned."""
    run = os.urandom(4).hex().encode()
    payload = os.urandom(size)
    share, rest = divmod(jobs, len(lanes))
    number = 0
    for index, lane in enumerate(lanes):
        count = share + (index < rest)
        lane.packets = memoryview(
            b"".join(
                request(commands.SUBMIT_JOB_BG, function, b"%b-%010d" % (run, key), payload)
                for key in range(number, number + count)
            )
        )
        number += count
    return len(request(commands.SUBMIT_JOB_BG, function, b"%b-%010d" % (run, 0), payload))


def _send(lane: _Lane, size: int, width: int) -> None:
    packets = lane.packets[:size]
    if packets:
        lane.packets = lane.packets[size:]
        lane.asked.append((time.perf_counter(), len(packets) // width))
        lane.socket.sendall(packets)


def _acknowledged(lane: _Lane) -> int:
    packets = lane.receive()
    for command, args in packets:
        if command != commands.JOB_CREATED:
            if command == commands.ERROR:
                raise ServerError(args[0].decode(), args[1].decode())
            raise GearbridgeError(f"expected JOB_CREATED, got {commands.name_of(command)}")
    return len(packets)


def _settle(lane: _Lane, answered: int, latencies: list[tuple[float, int]]) -> None:
    now = time.perf_counter()
    while answered:
        asked, count = lane.asked.popleft()
        taken = min(count, answered)
        latencies.append((now - asked, taken))
        answered -= taken
        if taken < count:
            lane.asked.appendleft((asked, count - taken))


def _work_on(lane: _Lane, latencies: list[tuple[float, int]]) -> int:
    done = 0
    for command, args in lane.receive():
        if command == commands.JOB_ASSIGN_UNIQ:
            now = time.perf_counter()
            latencies.append((now - lane.asked.popleft()[0], 1))
            lane.asked.append((now, 1))
            lane.socket.sendall(request(commands.WORK_COMPLETE, args[0], b"") + GRAB_JOB_UNIQ)
            done += 1
        elif command == commands.NO_JOB:
            lane.asked.clear()
            lane.socket.sendall(PRE_SLEEP)
        elif command == commands.NOOP:
            lane.asked.append((time.perf_counter(), 1))
            lane.socket.sendall(GRAB_JOB_UNIQ)
    return done


def _flush(lanes: list[_Lane]) -> None:
    """Wait until the server has handled all that was sent: an echo comes back behind it."""
    for lane in lanes:
        lane.socket.sendall(request(commands.ECHO_REQ, b"done"))
    for lane in lanes:
        while not any(command == commands.ECHO_RES for command, _ in lane.receive()):
            pass


def _phase(jobs: int, seconds: float, latencies: list[tuple[float, int]]) -> Phase:
    latencies.sort()
    return Phase(jobs, seconds, _percentile(latencies, 0.50), _percentile(latencies, 0.99))


def _percentile(latencies: list[tuple[float, int]], fraction: float) -> float:
    rank = fraction * sum(count for _, count in latencies)
    for latency, count in latencies:
        rank -= count
        if rank <= 0:
            return latency
    return 0.0
