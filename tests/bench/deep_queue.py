"""A queue of a million jobs beside an empty one: how fast jobs come back at start, go in, and go out.

    python -m tests.bench.deep_queue [STORE...] [--jobs N] [--rounds N]

Both servers get the same load; one of them has `--jobs` jobs of the same function queued before, so its workers work
off the older ones. Figures are medians of the rounds; the ratios count.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.records import Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from . import DRAINED_WITH

#: What is promised: seconds until a million jobs are back, and the share of an empty queue's rate.
REPLAY_SECONDS = 10
SHARE = 0.8

_FUNCTION = b"gearbridge_bench"
_GROUP = 10_000
#: Jobs in a load.
_LOAD = 100_000

Results = dict[tuple[str, str], list[float]]


def fill(url: str, jobs: int) -> None:
    """Queue jobs as a server would have left them: its handles are numbers of one length, in order."""
    store = store_for(url)
    store.open()
    for start in range(0, jobs, _GROUP):
        numbers = range(start, min(start + _GROUP, jobs))
        store.apply([Put(StoredJob(b"H:deep:%015d" % n, _FUNCTION, b"x" * 64, b"deep-%d" % n)) for n in numbers])
    store.close()


def measure(folder: Path, url: str) -> dict[str, float]:
    """Seconds until the server listens, and the rates in and out of one load."""
    server = GearbridgeServer(folder, "--store", url)
    begin = time.perf_counter()
    with server:
        return {"start": time.perf_counter() - begin, **rates_of_a_load(server)}


def show_rates(store: str, results: Results, share: float) -> bool:
    """Print the rates of an empty and of a deep queue, of medians; whether the promised share was kept."""
    kept = True
    for phase in ("submit", "work"):
        empty, deep = (statistics.median(results[phase, which]) for which in ("empty", "deep"))
        missed = deep < share * empty
        kept = kept and not missed
        print(
            f"{store:<11}{phase:<7} empty {empty:>9,.0f}/s   deep {deep:>9,.0f}/s   ratio {deep / empty:5.2f}   "
            f"promised at least {share:g}{'   MISSED' if missed else ''}"
        )
    return kept


def rates_of_a_load(server: GearbridgeServer) -> dict[str, float]:
    """Put a load on a server: how many jobs a second went in, and out."""
    load = ("--jobs", str(_LOAD), "--connections=4", "--in-flight=100", "--workers=16", "--json")
    output = subprocess.run(
        [GEARBRIDGE, "bench", "--servers", server.address, *load], check=True, stdout=subprocess.PIPE
    ).stdout
    return {phase: one["rate"] for phase, one in json.loads(output).items()}


@click.command()
@click.argument("stores", nargs=-1, type=click.Choice(["SQLite", "PostgreSQL"], case_sensitive=False))
@click.option("--jobs", default=1_000_000, show_default=True, help="How many jobs are queued before.")
@click.option("--rounds", default=3, show_default=True)
def main(stores: tuple[str, ...], jobs: int, rounds: int) -> None:
    """Print the rates of an empty and of a deep queue, and their ratio."""
    kept = True
    print(DRAINED_WITH)
    with TemporaryCluster() as cluster:
        for store in stores or ("SQLite", "PostgreSQL"):
            results: Results = {}
            for number in range(1, rounds + 1):
                for depth in (0, jobs):
                    with tempfile.TemporaryDirectory() as name:
                        url = f"sqlite:///{name}/jobs.db" if store == "SQLite" else make_database(cluster).url
                        print(f"round {number} of {rounds}: {store}, {depth:,} queued", file=sys.stderr, flush=True)
                        fill(url, depth)
                        for what, figure in measure(Path(name), url).items():
                            results.setdefault((what, "deep" if depth else "empty"), []).append(figure)
            kept = show(store, jobs, results) and kept
    sys.exit(0 if kept else 1)


def show(store: str, jobs: int, results: Results) -> bool:
    """Print one store's lines, of medians; whether the promises were kept."""
    middle = {key: statistics.median(figures) for key, figures in results.items()}
    replay = middle["start", "deep"] - middle["start", "empty"]
    allowed = REPLAY_SECONDS * jobs / 1_000_000
    late = replay > allowed
    print(f"{store:<11}{jobs:,} jobs back in {replay:.1f} s, promised {allowed:.1f} s{'   MISSED' if late else ''}")
    return show_rates(store, results, SHARE) and not late


if __name__ == "__main__":
    main()
