"""gearbridge beside gearmand in one run: the same load, the same durability, and the ratios.

    python -m tests.bench.versus_gearmand [--jobs N] [--rounds N]

Every round measures each server once, in turn, freshly started with an empty store; the figures are medians of the
rounds. gearmand with libsqlite3 commits one job at a time, so it gets fewer jobs where `--gearmand-jobs` says so.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.fixtures.gearmand import Gearmand
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer

#: What each pair shows, and the ratios (submit, work) that are promised for it.
PAIRS = {"memory": (2.0, 1.0), "SQLite": (20.0, 10.0)}


def servers(folder: Path) -> dict[tuple[str, str], JobServer]:
    """A server of each kind for each pair, not started."""
    gearmand_file = str(folder / "gearmand.db")
    return {
        ("memory", "gearmand"): Gearmand(folder),
        ("memory", "gearbridge"): GearbridgeServer(folder, "--store", "memory:"),
        ("SQLite", "gearmand"): Gearmand(folder, "--queue-type=libsqlite3", f"--libsqlite3-db={gearmand_file}"),
        ("SQLite", "gearbridge"): GearbridgeServer(folder),
    }


def measure(server: JobServer, jobs: int) -> dict[str, dict[str, float]]:
    """One run of `gearbridge bench` against a freshly started server."""
    with server:
        output = subprocess.run(
            [GEARBRIDGE, "bench", "--servers", server.address, "--jobs", str(jobs), "--json"],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    figures: dict[str, dict[str, float]] = json.loads(output)
    return figures


@click.command()
@click.option("--jobs", default=100_000, show_default=True, help="Background jobs of 64 bytes in each run.")
@click.option("--gearmand-jobs", default=0, help="Jobs for gearmand with libsqlite3, where --jobs take too long.")
@click.option("--rounds", default=3, show_default=True)
def main(jobs: int, gearmand_jobs: int, rounds: int) -> None:
    """Print jobs/s in (4 connections, 100 in flight) and out (16 workers), and gearbridge's ratio to gearmand."""
    rates: dict[tuple[str, str, str], list[float]] = {}
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            for (pair, kind), server in servers(Path(folder)).items():
                count = gearmand_jobs if gearmand_jobs and (pair, kind) == ("SQLite", "gearmand") else jobs
                print(f"round {number} of {rounds}: {kind}, {pair}, {count:,} jobs", file=sys.stderr, flush=True)
                for phase, figures in measure(server, count).items():
                    rates.setdefault((pair, phase, kind), []).append(figures["rate"])
    missed = False
    for pair, promised in PAIRS.items():
        for phase, floor in zip(("submit", "work"), promised, strict=True):
            theirs, ours = (statistics.median(rates[pair, phase, kind]) for kind in ("gearmand", "gearbridge"))
            ratio = ours / theirs
            missed = missed or ratio < floor
            verdict = "" if ratio >= floor else "  MISSED"
            print(
                f"{pair:<7} {phase:<7} gearmand {theirs:>9,.0f}/s   gearbridge {ours:>9,.0f}/s   "
                f"ratio {ratio:6.1f}   (promised {floor:g}){verdict}"
            )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
