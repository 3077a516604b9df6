"""gearbridge beside PgQueuer and Graphile Worker in one run: jobs that do nothing, from a full table to an empty one.

    python -m tests.bench.sql_peers [--jobs N] [--rounds N]

Every round each of them works off the same number of jobs in a database of its own in the same PostgreSQL, which
commits durably. The peers run at the settings at which they are fastest, with connections to the database;
gearbridge's workers have none, each is a socket to the job server. The clock runs from the word to go until the table
is empty. Medians; the ratios count, not the figures.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

import click
import psycopg

from gearbridge.bench.background import work
from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.postgres import make_database
from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PEERS = Path(__file__).with_name("peers")
_WORKERS = 16


class Peer(NamedTuple):
    """Another queue: its program, the table that is empty in the end, and the share of its rate that is promised."""

    program: tuple[str, ...]
    left: LiteralString
    promised: float


PEERS = {
    "PgQueuer, 5 managers, batches of 100": Peer(
        (sys.executable, str(_PEERS / "pgqueuer_drain.py")), "SELECT count(*) FROM pgqueuer", 1.0
    ),
    "Graphile Worker, 24 at a time, local queue": Peer(
        ("node", str(_PEERS / "node" / "graphile_drain.mjs")), "SELECT count(*) FROM graphile_worker._private_jobs", 0.6
    ),
}


def drain_peer(peer: Peer, url: str, jobs: int) -> float:
    """Jobs a second of a peer's program."""
    with subprocess.Popen(
        [*peer.program, url, str(jobs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        _expect(program.stdout.readline(), "ready")
        with _until_empty(url, peer.left, jobs) as rate:
            program.stdin.write("go\n")
            program.stdin.flush()
            _expect(program.stdout.readline(), "done")
    return rate()


def drain_ours(url: str, jobs: int) -> float:
    """Jobs a second of a job server that claims from the table, with 16 workers."""
    left: LiteralString = "SELECT count(*) FROM gearbridge.gearbridge_job"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE EXTENSION IF NOT EXISTS gearbridge")
        db.execute(
            "SELECT gman_enqueue_many('f', array_agg(convert_to(repeat('x', 64), 'UTF8'))) FROM generate_series(1, %s)",
            (jobs,),
        )
        db.execute("VACUUM ANALYZE gearbridge.gearbridge_job")
    with tempfile.TemporaryDirectory() as folder, GearbridgeServer(Path(folder), "--store", url) as server:
        with _until_empty(url, left, jobs) as rate:
            work((server.host, server.port), b"f", jobs, _WORKERS)
        return rate()


@contextmanager
def _until_empty(url: str, left: LiteralString, jobs: int) -> Iterator[Callable[[], float]]:
    """What runs inside works the table off; the rate is known once the table is empty, which is waited for."""
    seconds = 0.0
    with psycopg.connect(url, autocommit=True) as db:
        found: Any = db.execute(left).fetchone()
        assert found[0] == jobs, f"{found[0]} jobs in the table, not {jobs}"
        begin = time.perf_counter()
        yield lambda: jobs / seconds
        while db.execute(left).fetchone() != (0,):
            time.sleep(0.002)
        seconds = time.perf_counter() - begin


def _expect(line: str, word: str) -> None:
    if line.strip() != word:
        sys.exit(f"a peer said {line!r} instead of {word!r}")


@click.command()
@click.option("--jobs", default=50_000, show_default=True, help="Jobs in the table; thousands.")
@click.option("--rounds", default=3, show_default=True)
def main(jobs: int, rounds: int) -> None:
    """Print each one's jobs/s, and gearbridge's ratio to it."""
    rates: dict[str, list[float]] = {}
    with TemporaryCluster() as cluster:
        build(cluster.installation.extensions)
        for number in range(1, rounds + 1):
            for name in ("gearbridge", *PEERS):
                print(f"round {number} of {rounds}: {name}", file=sys.stderr, flush=True)
                url = make_database(cluster).url
                peer = PEERS.get(name)
                rate = drain_ours(url, jobs) if peer is None else drain_peer(peer, url, jobs)
                rates.setdefault(name, []).append(rate)
    ours = statistics.median(rates.pop("gearbridge"))
    print(f"gearbridge, {_WORKERS} workers without a connection to the database: {ours:,.0f} jobs/s")
    kept = True
    for name, found in rates.items():
        theirs = statistics.median(found)
        missed = ours < PEERS[name].promised * theirs
        kept = kept and not missed
        print(
            f"{name}: {theirs:,.0f} jobs/s, ratio {ours / theirs:.2f}, promised {PEERS[name].promised:g}"
            f"{'   MISSED' if missed else ''}"
        )
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
