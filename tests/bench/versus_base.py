"""Processor time per job of the server, beside that of another gearbridge: a release before, in its own environment.

    python -m tests.bench.versus_base --base PATH/TO/gearbridge [STORE...] [--jobs N] [--rounds N]

Each round measures both servers in turn, freshly started. Figures are medians of the rounds, in microseconds of all
threads of the server; they survive a busy machine better than rates do. The ratio counts.
"""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import psycopg

from gearbridge.bench.background import submit, work
from gearbridge.bench.foreground import round_trips
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.mariadb import MariaDB
from tests.fixtures.postgres import make_database
from tests.fixtures.processes import Process, wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Callable

Figures = dict[str, float]

#: What is promised: at most this share of the other's processor time and memory.
SHARE = 1.03

_FUNCTION = b"bench"
_SIZE = 64
_RESIDENT_JOBS = 10


def processor_microseconds(pid: int) -> float:
    """Processor time of all threads of a process so far, from the scheduler's own count."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1000


def resident_bytes(pid: int) -> int:
    """How much of a process is in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Side(NamedTuple):
    """One of the two that are compared: its name and its command."""

    name: str
    command: Path


class Server(GearbridgeServer):
    """A server of one side."""

    def __init__(self, side: Side, folder: Path, *options: str) -> None:
        super().__init__(folder, *options)
        self._side = side

    def _command(self, port: int) -> list[str]:
        return [str(self._side.command), *super()._command(port)[1:]]

    def cost(self, jobs: int, call: Callable[..., object], *arguments: object) -> float:
        """Microseconds for a job of what `call` makes the server do."""
        begin = processor_microseconds(self.pid)
        call((self.host, self.port), *arguments)
        return (processor_microseconds(self.pid) - begin) / jobs


class Place:
    """The databases of both sides; each call makes a new one."""

    def __init__(self, cluster: TemporaryCluster, maria: MariaDB) -> None:
        self._cluster = cluster
        self._maria = maria

    def options(self, store: str, folder: Path) -> list[str]:
        """The server's options for a new, empty store of this kind."""
        if store == "memory":
            return ["--store", "memory:"]
        if store == "sqlite":
            return ["--store", f"sqlite:///{folder}/{secrets.token_hex(4)}.db"]
        url = self._maria.make_database() if store.startswith("mysql") else make_database(self._cluster).url
        return ["--store", url, *(["--node", "one"] if store.endswith("nodes") else [])]

    def filled(self, side: Side, jobs: int) -> str:
        """A new PostgreSQL database with so many jobs that SQL enqueued; its URL."""
        url = make_database(self._cluster).url
        subprocess.run([side.command, "db", "install", "--database", url], check=True, stdout=subprocess.DEVNULL)
        fill = "SELECT cardinality(gman_enqueue_many('bench', array_agg(convert_to(repeat('x', 64), 'UTF8'))))"
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(f"{fill} FROM generate_series(1, {jobs})".encode())
            db.execute("VACUUM ANALYZE gearbridge.gearbridge_job")
        return url


def background(side: Side, folder: Path, options: list[str], jobs: int) -> Figures:
    """Submits in flight and one by one, and workers that drain the queue in parallel and alone."""
    few = jobs // 10
    with Server(side, folder, *options) as server:
        return {
            "submit": server.cost(jobs, submit, _FUNCTION, jobs, _SIZE, 4, 100),
            "drain": server.cost(jobs, work, _FUNCTION, jobs, 16),
            "submit one by one": server.cost(few, submit, _FUNCTION, few, _SIZE, 1, 1),
            "drain one by one": server.cost(few, work, _FUNCTION, few, 1),
        }


def foreground(side: Side, folder: Path, options: list[str], jobs: int) -> Figures:
    """Round trips, in flight and one by one."""
    few = jobs // 10
    with Server(side, folder, *options) as server:
        return {
            "round trip": server.cost(jobs // 2, round_trips, _FUNCTION, jobs // 2, _SIZE, 8, 32, 8),
            "round trip one by one": server.cost(few, round_trips, _FUNCTION, few, _SIZE, 1, 1, 1),
        }


def resident(side: Side, folder: Path, jobs: int) -> Figures:
    """Bytes of memory for a queued job."""
    count = jobs * _RESIDENT_JOBS
    with Server(side, folder, "--store", "memory:") as server:
        before = resident_bytes(server.pid)
        submit((server.host, server.port), _FUNCTION, count, _SIZE, 4, 100)
        return {"bytes queued": (resident_bytes(server.pid) - before) / count}


def claims(side: Side, folder: Path, place: Place, jobs: int, *options: str) -> Figures:
    """Jobs that SQL enqueued, from the table to workers."""
    with Server(side, folder, "--store", place.filled(side, jobs), *options) as server:
        return {"claim and drain": server.cost(jobs, work, _FUNCTION, jobs, 16)}


def bridged(side: Side, folder: Path, place: Place, jobs: int) -> Figures:
    """Jobs that SQL enqueued, through a bridge to a server that keeps them in memory: the bridge's time."""
    url = place.filled(side, jobs)
    with Server(Side("now", GEARBRIDGE), folder, "--store", "memory:") as server:
        command = [side.command, "bridge", "--database", url, "--servers", server.address]
        with Process(*map(str, command)) as bridge, psycopg.connect(url, autocommit=True) as db:
            begin = processor_microseconds(bridge.pid)
            work((server.host, server.port), _FUNCTION, jobs, 16)
            count = b"SELECT count(*) FROM gearbridge.gearbridge_job"
            wait_until(lambda: db.execute(count).fetchone() == (0,), what="the end of all jobs")
            figure = (processor_microseconds(bridge.pid) - begin) / jobs
            bridge.terminate()
            return {"bridge": figure}


def measure(store: str, side: Side, folder: Path, place: Place, jobs: int) -> Figures:
    """All figures of one store of one side, once."""
    if store == "bridge":
        return bridged(side, folder, place, jobs)
    options = place.options(store, folder)
    figures = background(side, folder, options, jobs)
    if store == "memory":
        figures |= foreground(side, folder, options, jobs) | resident(side, folder, jobs)
    elif store == "postgresql":
        figures |= claims(side, folder, place, jobs)
    elif store == "postgresql-nodes":
        figures |= claims(side, folder, place, jobs, "--node", "one")
    return figures


STORES = ("memory", "sqlite", "postgresql", "postgresql-nodes", "mysql", "mysql-nodes", "bridge")


@click.command()
@click.argument("stores", nargs=-1, type=click.Choice(STORES))
@click.option("--base", required=True, type=click.Path(exists=True, path_type=Path), help="The other's command.")
@click.option("--jobs", default=20_000, show_default=True, help="Jobs of a load.")
@click.option("--rounds", default=5, show_default=True, help="How often each side is measured.")
def main(stores: tuple[str, ...], base: Path, jobs: int, rounds: int) -> None:
    """Print the other's figures, ours, and their ratio."""
    sides = (Side("base", base), Side("now", GEARBRIDGE))
    results: dict[tuple[str, str], dict[str, list[float]]] = {}
    with ExitStack() as stack, suppress(KeyboardInterrupt):  # which prints what there is so far
        place = Place(stack.enter_context(TemporaryCluster()), stack.enter_context(MariaDB()))
        for number in range(rounds):
            for store in stores or STORES:
                for side in sides if number % 2 else sides[::-1]:
                    with tempfile.TemporaryDirectory() as folder:
                        for what, figure in measure(store, side, Path(folder), place, jobs).items():
                            results.setdefault((store, what), {}).setdefault(side.name, []).append(figure)
    results = {key: figures for key, figures in results.items() if len(figures) == len(sides)}
    missed = [show(store, what, figures) for (store, what), figures in results.items()]
    sys.exit(any(missed))


def show(store: str, what: str, figures: dict[str, list[float]]) -> bool:
    """Print one line; whether the promise was missed."""
    before, now = (statistics.median(figures[name]) for name in ("base", "now"))
    least = min(figures["now"]) / min(figures["base"])
    missed = now > SHARE * before
    print(
        f"{store:17} {what:22} base {before:7.2f}  now {now:7.2f}  ratio {now / before:5.3f}  of the least {least:5.3f}"
        f"{'   MISSED' if missed else ''}"
    )
    return missed


if __name__ == "__main__":
    main()
