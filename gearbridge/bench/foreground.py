"""Foreground jobs: round trips from a client to a worker and back, with as many under way as one asks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gearbridge.bench.background import start_worker, work_on
from gearbridge.bench.lanes import Lanes, measured, prepare, unexpected
from gearbridge.wire import commands

if TYPE_CHECKING:
    import ssl

    from gearbridge.bench.lanes import Lane, Phase


def round_trips(
    address: tuple[str, int],
    function: bytes,
    jobs: int,
    size: int,
    clients: int,
    in_flight: int,
    workers: int,
    tls: ssl.SSLContext | None = None,
) -> Phase:
    """Do `jobs` foreground jobs: each client keeps `in_flight` under way. Latency is from a submit to its result."""
    with Lanes(address, clients + workers, tls) as lanes:
        customers, staff = lanes.all[:clients], frozenset(lanes.all[clients:])
        prepare(customers, commands.SUBMIT_JOB, function, jobs, size)
        for lane in staff:
            start_worker(lane, function)
        waiting: list[tuple[float, int]] = []  # the workers' part, which was not requested
        latencies: list[tuple[float, int]] = []
        begun: dict[bytes, float] = {}
        begin = time.perf_counter()
        for lane in customers:
            lane.submit(in_flight)
        while len(latencies) < jobs:
            for lane in lanes.readable():
                if lane in staff:
                    work_on(lane, waiting)
                else:
                    lane.submit(_completed(lane, begun, latencies))
        return measured(jobs, time.perf_counter() - begin, latencies)


def _completed(lane: Lane, begun: dict[bytes, float], latencies: list[tuple[float, int]]) -> int:
    """Take what came for this client; return how many results there were. `begun` is by handle."""
    before = len(latencies)
    now = time.perf_counter()
    for command, args in lane.receive():
        if command == commands.JOB_CREATED:
            asked, count = lane.asked.popleft()
            begun[args[0]] = asked
            if count > 1:
                lane.asked.appendleft((asked, count - 1))
        elif command == commands.WORK_COMPLETE:
            latencies.append((now - begun.pop(args[0]), 1))
        else:
            raise unexpected(command, args)
    return len(latencies) - before
