"""Clients that write before they read, and clients that read slowly: all of them get everything, and others are served.

The long version has the numbers that are promised (GEARBRIDGE_TEST_SLOW_MEGABYTES and GEARBRIDGE_TEST_EARLY_SUBMITS).
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from tests.fixtures.processes import Process
from tests.fixtures.server import GearbridgeServer

from .crowd import EARLY, patience_for
from .wire_client import WireClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.job_server import JobServer

#: What each of the workers streams.
MEGABYTES = int(os.environ.get("GEARBRIDGE_TEST_SLOW_MEGABYTES", "8"))
#: Submits of each of the clients before its first read.
SUBMITS = int(os.environ.get("GEARBRIDGE_TEST_EARLY_SUBMITS", "3000"))
#: Room for the jobs of all, which stay in memory.
BUDGET = (256 << 20) + EARLY * SUBMITS * 1500


def one_trip(client: WireClient, worker: WireClient) -> float:
    """Have a job done; the seconds that it took."""
    begin = time.monotonic()
    handle = client.ask("SUBMIT_JOB", "quick", "", "")[1]
    assert worker.ask("GRAB_JOB")[1] == handle
    worker.send("WORK_COMPLETE", handle, "done")
    assert client.hear() == ("WORK_COMPLETE", handle, "done")
    return time.monotonic() - begin


def trips_beside_a_crowd(server: JobServer, submits: int, megabytes: int) -> tuple[list[float], int]:
    """Round trips of others while a crowd does its work, sorted; and the most bytes that the server took meanwhile."""
    trips, largest, deadline = [], 0, time.monotonic() + patience_for(megabytes)
    crowd = [sys.executable, "-m", "tests.server.crowd", str(server.port), str(submits), str(megabytes)]
    with WireClient(server.port) as client, WireClient(server.port) as worker, Process(*crowd) as process:
        worker.send("CAN_DO", "quick")
        while process.running:
            assert time.monotonic() < deadline, "the crowd is stuck"
            trips.append(one_trip(client, worker))
            with open(f"/proc/{server.pid}/status") as status:
                largest = max(largest, next(int(line.split()[1]) for line in status if line.startswith("VmRSS")))
            time.sleep(0.01)
        process.succeed()
    return sorted(trips), largest << 10


def test_slow_and_late_readers_get_everything_while_others_are_served(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--store", "memory:", "--memory", str(BUDGET)) as server:
        trips, largest = trips_beside_a_crowd(server, SUBMITS, MEGABYTES)
        assert any(line.startswith(f"bulk\t{EARLY * SUBMITS}\t") for line in server.admin("status"))
        assert server.process is not None
        assert "dropped" not in server.process.stderr
    assert largest < BUDGET * 1.2
    print(f"{len(trips)} round trips, p50 {trips[len(trips) // 2] * 1000:.1f} ms, ", end="")
    print(f"p99 {trips[len(trips) * 99 // 100] * 1000:.1f} ms, up to {largest >> 20} MB")
