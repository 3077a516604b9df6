"""Two nodes on one database beside one alone, on the same machine: how fast jobs go in and out.

    python -m tests.bench.nodes [--jobs N] [--rounds N]

The load is the same, four connections with a hundred in flight and then sixteen workers; two nodes get half of it each,
at the same time. Figures are medians of the rounds; the ratios count.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from . import DRAINED_WITH

#: What is promised: the share of one node's rate.
SHARE = 0.85

_CONNECTIONS = 4
_WORKERS = 16
_MORE = ("--in-flight=100", "--json")


def rates(servers: list[GearbridgeServer], jobs: int) -> dict[str, float]:
    """Put the load on these nodes together: jobs a second, in and out, of all of them."""
    parts = len(servers)
    load = (f"--jobs={jobs // parts}", f"--connections={_CONNECTIONS // parts}", f"--workers={_WORKERS // parts}")
    runs = [
        subprocess.Popen(
            # A function for each part: it counts the jobs that its workers do, and they must be its own.
            [GEARBRIDGE, "bench", "--servers", server.address, f"--function=part{number}", *load, *_MORE],
            stdout=subprocess.PIPE,
        )
        for number, server in enumerate(servers)
    ]
    totals: dict[str, float] = {}
    for run in runs:
        output, _ = run.communicate()
        if run.returncode:
            raise SystemExit(f"a load failed with status {run.returncode}")
        for phase, figures in json.loads(output).items():
            totals[phase] = totals.get(phase, 0.0) + figures["rate"]
    return totals


@click.command()
@click.option("--jobs", default=60_000, show_default=True, help="How many jobs each round has in all.")
@click.option("--rounds", default=5, show_default=True)
def main(jobs: int, rounds: int) -> None:
    """Print the rates of one node and of two, and their ratio."""
    results: dict[tuple[str, int], list[float]] = {}
    with TemporaryCluster() as cluster:
        for number in range(1, rounds + 1):
            for count in (1, 2):
                print(f"round {number} of {rounds}: {count} node{'s' * (count > 1)}", file=sys.stderr, flush=True)
                url = make_database(cluster).url
                with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                    servers = [
                        stack.enter_context(GearbridgeServer(Path(folder), "--store", url, "--node", f"n{one}"))
                        for one in range(count)
                    ]
                    for phase, rate in rates(servers, jobs).items():
                        results.setdefault((phase, count), []).append(rate)
    print(DRAINED_WITH)
    missed = False
    for phase in ("submit", "work"):
        one, two = (statistics.median(results[phase, count]) for count in (1, 2))
        missed = missed or two < SHARE * one
        print(
            f"{phase:<7} one node {one:>9,.0f}/s   two together {two:>9,.0f}/s   ratio {two / one:5.2f}   "
            f"promised at least {SHARE:g}{'   MISSED' if two < SHARE * one else ''}"
        )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
