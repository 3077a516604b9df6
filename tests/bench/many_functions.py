"""A worker of thousands of functions: processor time of the server for a job, and memory for a known name.

    python -m tests.bench.many_functions [--functions N] [--jobs N] [--rounds N]

gearmand and gearbridge get the same load in turn, each without a store: foreground jobs one after the other, each for
another function, to a worker that sleeps before each. Figures are medians of the rounds; the ratio counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.fixtures.gearmand import Gearmand
from tests.fixtures.server import GearbridgeServer
from tests.server.wire_client import WireClient

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer

#: What is promised: bytes for a name that is known, and a job's processor time as a share of gearmand's.
NAME_BYTES = 512
SHARE = 1.0

_TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """How long all threads of a process have computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_bytes(pid: int) -> int:
    """How much of a process is in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one_job(client: WireClient, worker: WireClient, function: str) -> None:
    """Have the sleeping worker do a job."""
    client.send("SUBMIT_JOB", function, "", "x")
    while worker.hear()[0] != "NOOP":
        pass
    _, handle, *_ = worker.ask("GRAB_JOB")
    worker.send("WORK_COMPLETE", handle, "y")
    worker.ask("GRAB_JOB")
    worker.send("PRE_SLEEP")
    while client.hear()[0] != "WORK_COMPLETE":
        pass


def measure(server: JobServer, functions: int, jobs: int) -> dict[str, float]:
    """Bytes for a name, and microseconds of processor time for a job."""
    with server, WireClient(server.port) as client, WireClient(server.port) as worker:
        before = resident_bytes(server.pid)
        for number in range(functions):
            worker.send("CAN_DO", f"tenant_{number}")
        worker.ask("GRAB_JOB")
        worker.send("PRE_SLEEP")
        worker.ask("ECHO_REQ", "asleep")
        name = (resident_bytes(server.pid) - before) / functions
        start = processor_seconds(server.pid)
        for number in range(jobs):
            one_job(client, worker, f"tenant_{number * 7919 % functions}")
        return {"bytes a name": name, "us a job": (processor_seconds(server.pid) - start) / jobs * 1e6}


@click.command()
@click.option("--functions", default=5000, help="Functions of the one worker.")
@click.option("--jobs", default=2000, help="Jobs of a round.")
@click.option("--rounds", default=3, help="How often each server is measured.")
def main(functions: int, jobs: int, rounds: int) -> None:
    """Measure a worker of many functions on gearbridge and gearmand, and compare with what is promised."""
    results: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for server in (Gearmand(Path(folder)), GearbridgeServer(Path(folder), "--store", "memory:")):
                for what, figure in measure(server, functions, jobs).items():
                    results.setdefault((server.kind, what), []).append(figure)
    medians = {key: statistics.median(figures) for key, figures in results.items()}
    for (kind, what), figure in sorted(medians.items()):
        print(f"{kind:10}  {what:12}  {figure:9.1f}")
    ratio = medians["gearbridge", "us a job"] / medians["gearmand", "us a job"]
    print(f"processor time of a job: {ratio:.2f} of gearmand's (promised: below {SHARE:g})")
    print(f"a known name: {medians['gearbridge', 'bytes a name']:.0f} bytes (promised: below {NAME_BYTES})")
    if ratio >= SHARE or medians["gearbridge", "bytes a name"] >= NAME_BYTES:
        sys.exit(1)


if __name__ == "__main__":
    main()
