"""What it costs to be watched: a server without --http beside one whose metrics and dashboard are looked at.

    python -m tests.bench.watched [--jobs N] [--rounds N] [--functions N]

In each round both get the same load, in turn first and second. The one that is watched is asked for /metrics every
second, as by Prometheus set to hurry, and for what the dashboard's page shows every two seconds, as by an open page.
Counted are jobs a second, and the server's processor time for a job, all of its threads. The medians of the rounds'
ratios count. Other work on the machine shows in them more than watching does, so there is a third figure, which it
shows in least: how much of a processor a server takes that has nothing to do but to be looked at.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gearbridge import Client
from tests.fixtures.dashboard import WatchedServer
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The largest share of throughput, and of processor time, that watching may cost.
PROMISED = 0.03

#: What the load is, by `gearbridge bench`.
LOADS = {
    "background": ("--connections=4", "--in-flight=100", "--workers=16"),
    "foreground": ("--foreground", "--connections=8", "--in-flight=32", "--workers=8"),
}

#: For how long a server without other work is looked at.
IDLE_SECONDS = 30.0

#: What is asked for, as the page asks for it, and every how many seconds.
LOOKS = {"/metrics": 1.0, "/api/dashboard?search=&sort=waiting&offset=0&limit=50": 2.0}


@contextlib.contextmanager
def looking(server: WatchedServer) -> Iterator[None]:
    """Look at the server while the block runs, again and again; once before, for what only the first look costs."""
    end = threading.Event()
    for path in LOOKS:
        server.get(path)

    def look(path: str, pause: float) -> None:
        while not end.wait(pause):
            assert server.get(path).status == 200

    threads = [threading.Thread(target=look, args=one) for one in LOOKS.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def queue(server: GearbridgeServer, functions: int) -> None:
    """Have a job wait in each of so many functions."""
    with Client(server.address) as client:
        for number in range(functions):
            client.do_background(f"function-{number}")


def processor_seconds(pid: int) -> float:
    """How long a process has been on a processor so far, with all its threads; to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(load: tuple[str, ...], jobs: int, functions: int, *, watched: bool) -> tuple[float, float]:
    """Jobs a second, and microseconds of the server's processor time for a job."""
    with (
        tempfile.TemporaryDirectory() as folder,
        (WatchedServer if watched else GearbridgeServer)(Path(folder), "--store", "memory:") as server,
    ):
        queue(server, functions)
        command = [str(GEARBRIDGE), "bench", "--servers", server.address, "--jobs", str(jobs), "--json", *load]
        with looking(server) if isinstance(server, WatchedServer) else contextlib.nullcontext():
            before = processor_seconds(server.pid)
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            spent = processor_seconds(server.pid) - before
    seconds = sum(phase["seconds"] for phase in json.loads(output).values())
    return jobs / seconds, 1e6 * spent / jobs


def measure_idle(functions: int) -> float:
    """The share of one processor that a watched server takes which has no other work."""
    with tempfile.TemporaryDirectory() as folder, WatchedServer(Path(folder), "--store", "memory:") as server:
        queue(server, functions)
        with looking(server):
            before = processor_seconds(server.pid)
            time.sleep(IDLE_SECONDS)
            return (processor_seconds(server.pid) - before) / IDLE_SECONDS


@click.command()
@click.option("--jobs", default=200_000, show_default=True, help="Jobs of 64 bytes in each run.")
@click.option("--rounds", default=15, show_default=True)
@click.option(
    "--functions", default=100, show_default=True, help="Other functions that there are, a job waiting in each."
)
def main(jobs: int, rounds: int, functions: int) -> None:
    """Print what watching costs, in jobs a second and in processor time for a job."""
    kept = True
    for title, load in LOADS.items():
        ratios: dict[str, list[float]] = {"jobs/s": [], "processor": []}
        figures: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds}: {title}", file=sys.stderr, flush=True)
            for watched in (False, True) if number % 2 else (True, False):
                figures[watched].append(measure(load, jobs, functions, watched=watched))
            (alone_rate, alone_spent), (rate, spent) = figures[False][-1], figures[True][-1]
            ratios["jobs/s"].append(rate / alone_rate)
            ratios["processor"].append(alone_spent / spent)
        for index, (name, found) in enumerate(ratios.items()):
            alone, seen = (statistics.median(one[index] for one in figures[watched]) for watched in (False, True))
            unit = "/s" if name == "jobs/s" else " us a job"
            cost = 1 - statistics.median(found)
            kept = kept and cost <= PROMISED
            print(
                f"{title:<11}{name:<10} alone {alone:>10,.1f}{unit}   watched {seen:>10,.1f}{unit}   "
                f"cost {cost:6.1%}, promised at most {PROMISED:.0%}{'   MISSED' if cost > PROMISED else ''}"
            )
    share = measure_idle(functions)
    print(
        f"without work, watched: {share:.1%} of a processor, promised at most {PROMISED:.0%}"
        f"{'   MISSED' if share > PROMISED else ''}"
    )
    sys.exit(0 if kept and share <= PROMISED else 1)


if __name__ == "__main__":
    main()
