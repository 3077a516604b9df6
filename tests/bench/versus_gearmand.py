"""gearbridge beside gearmand in one run: the same load, the same durability, and the ratios.

    python -m tests.bench.versus_gearmand [STORE...] [--jobs N] [--rounds N]

Every round measures each server once, in turn, freshly started with an empty store; the figures are medians of the
rounds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.mariadb import MariaDB
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer

#: What is compared, and the ratios (submit, work) that are promised for it. Every store commits durably.
PROMISED = {"memory": (2.0, 1.0), "SQLite": (20.0, 10.0), "PostgreSQL": (10.0, 8.0), "MariaDB": (8.0, 8.0)}


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
@click.argument("stores", nargs=-1, type=click.Choice(list(PROMISED), case_sensitive=False))
@click.option("--jobs", default=100_000, show_default=True, help="Background jobs of 64 bytes in each run.")
@click.option(
    "--gearmand-jobs",
    default=10_000,
    show_default=True,
    help="The same for gearmand with a store: it commits jobs one by one, and more only take longer. 0: --jobs.",
)
@click.option("--rounds", default=3, show_default=True)
def main(stores: tuple[str, ...], jobs: int, gearmand_jobs: int, rounds: int) -> None:
    """Print jobs/s in (4 connections, 100 in flight) and out (16 workers), and gearbridge's ratio to gearmand."""
    names = stores or tuple(PROMISED)
    rates: dict[tuple[str, str, str], list[float]] = {}
    with TemporaryCluster() as cluster, MariaDB("--innodb-flush-log-at-trx-commit=1", "--skip-log-bin") as mariadb:
        for number in range(1, rounds + 1):
            for store in names:
                with tempfile.TemporaryDirectory() as folder:
                    for kind, server in Pairs(Path(folder), cluster, mariadb).servers(store).items():
                        few = gearmand_jobs and kind == "gearmand" and store != "memory"
                        count = gearmand_jobs if few else jobs
                        print(
                            f"round {number} of {rounds}: {kind}, {store}, {count:,} jobs", file=sys.stderr, flush=True
                        )
                        for phase, figures in measure(server, count).items():
                            rates.setdefault((store, phase, kind), []).append(figures["rate"])
    missed = [show(store, phase, floor, rates) for store in names for phase, floor in promised(store)]
    sys.exit(1 if any(missed) else 0)


def promised(store: str) -> zip[tuple[str, float]]:
    """The two phases with the ratio promised for each."""
    return zip(("submit", "work"), PROMISED[store], strict=True)


def show(store: str, phase: str, floor: float, rates: dict[tuple[str, str, str], list[float]]) -> bool:
    """Print one line; True when the promise was missed."""
    theirs, ours = (statistics.median(rates[store, phase, kind]) for kind in ("gearmand", "gearbridge"))
    ratio = ours / theirs
    print(
        f"{store:<11}{phase:<7} gearmand {theirs:>9,.0f}/s   gearbridge {ours:>9,.0f}/s   "
        f"ratio {ratio:6.1f}   promised {floor:4g}{'' if ratio >= floor else '   MISSED'}"
    )
    return ratio < floor


if __name__ == "__main__":
    main()
