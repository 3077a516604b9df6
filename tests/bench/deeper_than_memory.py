"""A queue far deeper than the server's memory beside an empty one: resident memory, and the rates in and out.

    python -m tests.bench.deeper_than_memory [STORE...] [--jobs N] [--rounds N]

Two servers stand side by side, each over a database of its own; one of these has `--jobs` jobs of the same function
queued before. Loads go to the one and the other in turn. Figures are medians of the rounds; the ratios count.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.records import Put, StoredJob
from gearbridge.server.config import ServerConfig
from gearbridge.stores.registry import store_for
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GearbridgeServer

from . import DRAINED_WITH
from .deep_queue import rates_of_a_load, show_rates

#: What is promised: the server's resident memory in MB, and the share of an empty queue's rate.
MEGABYTES = 300
SHARE = 0.75

_FUNCTION = b"gearbridge_bench"
_GROUP = 20_000


def fill(url: str, jobs: int) -> None:
    """Queue jobs as a server would have left them: the first ones in its window, the others beyond."""
    store = store_for(url)
    store.open()
    window = ServerConfig().window
    for start in range(0, jobs, _GROUP):
        numbers = range(start, min(start + _GROUP, jobs))
        store.apply([Put(StoredJob(b"H:deep:%015d" % n, _FUNCTION, b"x" * 64), n >= window) for n in numbers])
        if start % 1_000_000 == 0:
            print(f"  queued: {start:,} of {jobs:,}", file=sys.stderr, flush=True)
    store.close()


def resident(pid: int) -> float:
    """The most memory that a process has had in RAM, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


@click.command()
@click.argument("stores", nargs=-1, type=click.Choice(["SQLite", "PostgreSQL"], case_sensitive=False))
@click.option("--jobs", default=10_000_000, show_default=True, help="How many jobs are queued before.")
@click.option("--rounds", default=5, show_default=True)
def main(stores: tuple[str, ...], jobs: int, rounds: int) -> None:
    """Print the rates of an empty and of a deep queue, their ratio, and the memory of the server."""
    print(DRAINED_WITH)
    kept = True
    with TemporaryCluster() as cluster:
        for store in stores or ("SQLite", "PostgreSQL"):
            kept = compare(store, cluster, jobs, rounds) and kept
    sys.exit(0 if kept else 1)


def compare(store: str, cluster: TemporaryCluster, jobs: int, rounds: int) -> bool:
    """Measure one store and print its lines; whether the promises were kept."""
    results: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        servers = {}
        for name, depth in (("empty", 0), ("deep", jobs)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder}/jobs.db" if store == "SQLite" else make_database(cluster).url
            fill(url, depth)
            begin = time.perf_counter()
            servers[name] = stack.enter_context(GearbridgeServer(folder, "--store", url))
            started = time.perf_counter() - begin
        for number in range(1, rounds + 1):
            for name, server in servers.items():
                print(f"round {number} of {rounds}: {store}, {name}", file=sys.stderr, flush=True)
                for phase, rate in rates_of_a_load(server).items():
                    results.setdefault((phase, name), []).append(rate)
        memory = resident(servers["deep"].pid)
    too_much = memory > MEGABYTES
    print(
        f"{store:<11}{jobs:,} jobs queued: at most {memory:.0f} MB resident, promised {MEGABYTES} MB"
        f"{'   MISSED' if too_much else ''}; started in {started:.1f} s"
    )
    return show_rates(store, results, SHARE) and not too_much


if __name__ == "__main__":
    main()
