"""What keeps the jobs goes away under load, and comes back: nothing is acknowledged meanwhile that is not kept."""

from __future__ import annotations

import threading
from typing import Protocol

from tests.fixtures.processes import wait_until

from .load import Load
from .wire_client import WireClient

#: Seconds for a killed database to recover: as long as submitters wait.
PATIENCE_AFTER_KILL = 120.0


class Mortal(Protocol):
    """What keeps jobs, and what the test may kill."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


def foreground_round_trip(port: int) -> None:
    """Do one foreground job as workers do: while finished jobs cannot be written, a worker waits a moment for it."""
    with WireClient(port) as client, WireClient(port) as worker:
        handle = client.ask("SUBMIT_JOB", "foreground", "", "x")[1]
        worker.send("CAN_DO", "foreground")
        while (reply := worker.ask("GRAB_JOB")) == ("NO_JOB",):
            assert worker.ask("PRE_SLEEP") == ("NOOP",)
        assert reply[1] == handle
        worker.send("WORK_COMPLETE", handle, "y")
        assert client.hear() == ("WORK_COMPLETE", handle, "y")


def outage_under_load(database: Mortal, port: int, name: str) -> dict[str, str]:
    """Kill what keeps the jobs and start it again, while clients submit; what they were acknowledged."""
    loads = [Load(port, f"{name}-{index}") for index in range(3)]
    wait_until(lambda: all(load.acknowledged for load in loads), what="the load to begin")
    database.kill()
    foreground_round_trip(port)
    # What is acknowledged while the database is away can only be what it had committed before it was killed.
    threading.Event().wait(0.1)
    silent = [len(load.acknowledged) for load in loads]
    threading.Event().wait(0.3)
    assert [len(load.acknowledged) for load in loads] == silent
    database.start()
    wait_until(
        lambda: all(len(load.acknowledged) > count for load, count in zip(loads, silent, strict=True)),
        timeout=PATIENCE_AFTER_KILL,
        what="acknowledgements to go on",
    )
    acknowledged: dict[str, str] = {}
    for load in loads:
        load.stop()
        assert load.refused == 0, "they had the patience to wait"
        acknowledged.update(load.acknowledged)
    return acknowledged
