"""Background jobs: submitted as fast as the server takes them, then worked off.

Submitting keeps a fixed number of packets in flight on each connection; working takes a job, completes it and asks for
the next in one write.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gearbridge.bench.lanes import Lanes, measured, prepare, unexpected
from gearbridge.wire import commands
from gearbridge.wire.packets import GRAB_JOB_UNIQ, PRE_SLEEP, request

if TYPE_CHECKING:
    import ssl

    from gearbridge.bench.lanes import Lane, Phase


def submit(
    address: tuple[str, int],
    function: bytes,
    jobs: int,
    size: int,
    connections: int,
    in_flight: int,
    tls: ssl.SSLContext | None = None,
) -> Phase:
    """Submit background jobs of `size` bytes, each with a unique key of its own; end when all are acknowledged."""
    with Lanes(address, connections, tls) as lanes:
        prepare(lanes.all, commands.SUBMIT_JOB_BG, function, jobs, size)
        latencies: list[tuple[float, int]] = []
        begin = time.perf_counter()
        for lane in lanes.all:
            lane.submit(in_flight)
        open_lanes = sum(1 for lane in lanes.all if lane.asked)
        while open_lanes:
            for lane in lanes.readable():
                answered = _acknowledged(lane)
                if not answered:  # a message of TLS itself
                    continue
                _settle(lane, answered, latencies)
                if lane.packets:
                    lane.submit(answered)
                elif not lane.asked:
                    open_lanes -= 1
        return measured(jobs, time.perf_counter() - begin, latencies)


def work(
    address: tuple[str, int], function: bytes, jobs: int, workers: int, tls: ssl.SSLContext | None = None
) -> Phase:
    """Complete `jobs` jobs with this many workers. Latency is from asking for a job to holding it."""
    with Lanes(address, workers, tls) as lanes:
        latencies: list[tuple[float, int]] = []
        done = 0
        begin = time.perf_counter()
        for lane in lanes.all:
            start_worker(lane, function)
        while done < jobs:
            for lane in lanes.readable():
                done += work_on(lane, latencies)
        _flush(lanes.all)
        return measured(done, time.perf_counter() - begin, latencies)


def start_worker(lane: Lane, function: bytes) -> None:
    """Make the connection a worker that asks for its first job."""
    lane.asked.append((time.perf_counter(), 1))
    lane.send(request(commands.CAN_DO, function) + GRAB_JOB_UNIQ)


def work_on(lane: Lane, latencies: list[tuple[float, int]]) -> int:
    """Do what came for this worker; return how many jobs it completed."""
    done = 0
    for command, args in lane.receive():
        if command == commands.JOB_ASSIGN_UNIQ:
            now = time.perf_counter()
            latencies.append((now - lane.asked.popleft()[0], 1))
            lane.asked.append((now, 1))
            lane.send(request(commands.WORK_COMPLETE, args[0], b"") + GRAB_JOB_UNIQ)
            done += 1
        elif command == commands.NO_JOB:
            lane.asked.clear()
            lane.send(PRE_SLEEP)
        elif command == commands.NOOP:
            lane.asked.append((time.perf_counter(), 1))
            lane.send(GRAB_JOB_UNIQ)
        else:
            raise unexpected(command, args)
    return done


def _acknowledged(lane: Lane) -> int:
    packets = lane.receive()
    for command, args in packets:
        if command != commands.JOB_CREATED:
            raise unexpected(command, args)
    return len(packets)


def _settle(lane: Lane, answered: int, latencies: list[tuple[float, int]]) -> None:
    now = time.perf_counter()
    while answered:
        asked, count = lane.asked.popleft()
        taken = min(count, answered)
        latencies.append((now - asked, taken))
        answered -= taken
        if taken < count:
            lane.asked.appendleft((asked, count - taken))


def _flush(lanes: list[Lane]) -> None:
    """Wait until the server has handled all that was sent: an echo comes back behind it."""
    for lane in lanes:
        lane.send(request(commands.ECHO_REQ, b"done"))
    for lane in lanes:
        while not any(command == commands.ECHO_RES for command, _ in lane.wait()):
            pass
