"""gearbridge beside gearmand in one run: the same load, the same durability, and the ratios.

    python -m tests.bench.versus_gearmand [STORE...] [--jobs N] [--rounds N]

Every round measures each server once, in turn, freshly started with an empty store; the figures are medians of the
rounds. Others may use the machine meanwhile: the ratios count, not the figures.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import click

from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.mariadb import MariaDB
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from . import DRAINED_WITH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.fixtures.job_server import JobServer

Figures = dict[str, float]


class Load(NamedTuple):
    """One run of `gearbridge bench`, and the ratios to gearmand's figures that are promised for it.

    `share`: its number of jobs, as a part of --jobs. Of "memory" the ratio may not be above, of rates not below.
    """

    options: tuple[str, ...]
    share: float
    promised: dict[str, float]


def background(submit: float, work: float) -> Load:
    """4 connections with 100 jobs of 64 bytes in flight each, then 16 workers."""
    return Load(("--connections=4", "--in-flight=100", "--workers=16"), 1, {"submit": submit, "work": work})


MANY_TRIPS = ("--foreground", "--connections=8", "--in-flight=32", "--workers=8")
ONE_TRIP = ("--foreground", "--connections=1", "--in-flight=1", "--workers=1")


def alone(submit: float) -> Load:
    """One connection that waits for each acknowledgement: nothing to group, a commit each."""
    return Load(("--connections=1", "--in-flight=1", "--workers=0"), 0.1, {"submit": submit})


#: What is compared, by store. Every store but memory commits durably.
LOADS: dict[str, dict[str, Load]] = {
    "memory": {
        "background": background(3, 1.5),
        "foreground": Load(MANY_TRIPS, 0.5, {"trips": 1}),
        "one by one": Load(ONE_TRIP, 0.1, {"trips": 1}),
        "queued": Load(("--workers=0",), 10, {"memory": 0.6}),
    },
    "SQLite": {"background": background(40, 20), "one by one": alone(0.7)},
    "PostgreSQL": {"background": background(10, 8), "one by one": alone(0.8)},
    "MariaDB": {"background": background(8, 8), "one by one": alone(0.8)},
}


class Pairs:
    """The servers of one round: for each kind of store gearmand and gearbridge, not started, each with its own."""

    def __init__(self, folder: Path, cluster: TemporaryCluster, mariadb: MariaDB) -> None:
        self._folder = folder
        self._cluster = cluster
        self._maria = mariadb

    def servers(self, store: str) -> dict[str, JobServer]:
        """gearmand and gearbridge over stores of this kind, empty."""
        gearmand, gearbridge = getattr(self, f"_{store.lower()}")()
        return {
            "gearmand": Gearmand(self._folder, *gearmand),
            "gearbridge": GearbridgeServer(self._folder, "--store", gearbridge),
        }

    def _memory(self) -> tuple[list[str], str]:
        return [], "memory:"

    def _sqlite(self) -> tuple[list[str], str]:
        theirs, ours = self._folder / "gearmand.db", self._folder / "gearbridge.db"
        return ["--queue-type=libsqlite3", f"--libsqlite3-db={theirs}"], f"sqlite:///{ours}"

    def _postgresql(self) -> tuple[list[str], str]:
        theirs, ours = make_database(self._cluster).url, make_database(self._cluster).url
        url = urlsplit(theirs)
        conninfo = f"host=127.0.0.1 port={url.port} user={url.username} password={url.password} dbname={url.path[1:]}"
        return ["--queue-type=Postgres", f"--libpq-conninfo={conninfo}"], ours

    def _mariadb(self) -> tuple[list[str], str]:
        theirs, ours = self._maria.make_database(), self._maria.make_database()
        url = urlsplit(theirs)
        options = {"host": "127.0.0.1", "port": url.port, "user": url.username, "password": url.password}
        options["db"] = url.path[1:]
        return ["--queue-type=MySQL", *(f"--mysql-{name}={value}" for name, value in options.items())], ours


def measure(server: JobServer, load: Load, jobs: int) -> dict[str, Figures]:
    """One run of `gearbridge bench` against a freshly started server; and the bytes of memory a job took it."""
    with server:
        before = resident_memory(server.pid)
        output = subprocess.run(
            [GEARBRIDGE, "bench", "--servers", server.address, "--jobs", str(jobs), "--json", *load.options],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        figures: dict[str, Figures] = json.loads(output)
        figures["memory"] = {"bytes": resident_memory(server.pid) - before}
    return figures


def resident_memory(pid: int) -> int:
    """How much memory of the machine a process has, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


@click.command()
@click.argument("stores", nargs=-1, type=click.Choice(list(LOADS), case_sensitive=False))
@click.option("--jobs", default=100_000, show_default=True, help="Background jobs of 64 bytes in each run.")
@click.option(
    "--gearmand-jobs",
    default=10_000,
    show_default=True,
    help="The same for gearmand with a store: it commits jobs one by one, and more only take longer. 0: --jobs.",
)
@click.option("--rounds", default=3, show_default=True)
@click.option("--load", "titles", multiple=True, help="Only the loads of this title, as printed. Can be repeated.")
def main(stores: tuple[str, ...], jobs: int, gearmand_jobs: int, rounds: int, titles: tuple[str, ...]) -> None:
    """Print gearmand's figures, gearbridge's, and their ratio: jobs/s, and bytes of memory a queued job takes."""
    loads = loads_of(stores or tuple(LOADS), titles)
    results: dict[tuple[str, str, str, str], list[float]] = {}
    with TemporaryCluster() as cluster, MariaDB("--innodb-flush-log-at-trx-commit=1", "--skip-log-bin") as mariadb:
        for number in range(1, rounds + 1):
            for store, title, load in loads:
                with tempfile.TemporaryDirectory() as folder:
                    for kind, server in Pairs(Path(folder), cluster, mariadb).servers(store).items():
                        few = gearmand_jobs and kind == "gearmand" and store != "memory"
                        count = int((gearmand_jobs if few else jobs) * load.share)
                        what = f"{kind}, {store}, {title}, {count:,} jobs"
                        print(f"round {number} of {rounds}: {what}", file=sys.stderr, flush=True)
                        figures = measure(server, load, count)
                        for phase in load.promised:
                            figure = figures[phase]["bytes"] / count if phase == "memory" else figures[phase]["rate"]
                            results.setdefault((store, title, phase, kind), []).append(figure)
    print(DRAINED_WITH)
    kept = [
        show(store, title, phase, load.promised[phase], results)
        for store, title, load in loads
        for phase in load.promised
    ]
    sys.exit(0 if all(kept) else 1)


def loads_of(stores: Iterable[str], titles: Sequence[str]) -> list[tuple[str, str, Load]]:
    """Every load of these stores, or those of these titles, in order: store, title, load."""
    return [
        (store, title, load)
        for store in stores
        for title, load in LOADS[store].items()
        if not titles or title in titles
    ]


def show(
    store: str, title: str, phase: str, promised: float, results: dict[tuple[str, str, str, str], list[float]]
) -> bool:
    """Print one line, of medians; whether the promise was kept."""
    theirs, ours = (statistics.median(results[store, title, phase, kind]) for kind in ("gearmand", "gearbridge"))
    ratio = ours / theirs
    kept = ratio <= promised if phase == "memory" else ratio >= promised
    unit, word = ("B/job", "at most") if phase == "memory" else ("/s", "at least")
    print(
        f"{store:<11}{title:<11}{phase:<7} gearmand {theirs:>9,.0f}{unit:<6} gearbridge {ours:>9,.0f}{unit:<6} "
        f"ratio {ratio:6.2f}   promised {word:<8} {promised:4g}{'' if kept else '   MISSED'}"
    )
    return kept


if __name__ == "__main__":
    main()
