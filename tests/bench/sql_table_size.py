"""The queue in PostgreSQL when there is much of it: many writers, a million rows that wait, a day's rows gone through.

    python -m tests.bench.sql_table_size [--waiting N] [--churn N]

Claims are the store's own, with nothing behind them: what is measured is the table. Each figure is a ratio of two
measurements in this run; of the churn it prints sizes, which have to stay what they are after the first part of it.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import psycopg

from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.records import Drop
from gearbridge.stores.registry import store_for
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.stores.interface import ClaimableStore

    Session = psycopg.Connection[tuple[Any, ...]]

TABLE = "gearbridge.gearbridge_job"
INSERT = (
    f"INSERT INTO {TABLE} (handle, function, unique_key, priority, payload, due, attempts, reducer, state, enqueued) "
    "VALUES ('P:' || nextval('gearbridge.gearbridge_job_id_seq'), 'f', '', 1, 'x', 0, 0, '', 1, 1700000000)"
)
ENQUEUE = "SELECT gman_enqueue('f', 'x'::bytea)"
MANY = "SELECT cardinality(gman_enqueue_many('f', array_fill('x'::bytea, ARRAY[{}])))"
SIZES = (
    "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relnamespace = 'gearbridge'::regnamespace"
    " AND relname LIKE 'gearbridge_job%' AND relkind IN ('r', 'i') AND pg_relation_size(oid) > 0 ORDER BY 2 DESC, 1"
)
WRITERS = 32
#: Rows that a part of the churn brings, and takes away again.
PART = 5_000


def to_insert(db: Session, count: int = 2000) -> float:
    """The rate of gman_enqueue to that of the INSERT, one a commit: medians of both, in turn, ten of each at a time."""
    taken: dict[str, list[float]] = {ENQUEUE: [], INSERT: []}
    for _ in range(count // 10):
        for query, seconds in taken.items():
            for _ in range(10):
                begin = time.perf_counter()
                db.execute(query.encode(), prepare=True)
                seconds.append(time.perf_counter() - begin)
    return statistics.median(taken[INSERT]) / statistics.median(taken[ENQUEUE])


def writers(cluster: TemporaryCluster, setting: str, count: int) -> float:
    """Jobs a second that many connections enqueue together, while a server claims and a worker does them."""

    def write() -> None:
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute(f"SET gearbridge.notify = {setting}".encode())
            started.wait()
            for _ in range(count):
                db.execute(ENQUEUE.encode(), prepare=True)

    started = threading.Barrier(WRITERS + 1)
    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    with (
        tempfile.TemporaryDirectory() as folder,
        GearbridgeServer(Path(folder), "--store", cluster.url()) as server,
        working(server.address, f=lambda _: None),
    ):
        for thread in threads:
            thread.start()
        started.wait()
        begin = time.perf_counter()
        for thread in threads:
            thread.join()
        return WRITERS * count / (time.perf_counter() - begin)


def drain(store: ClaimableStore, count: int) -> float:
    """Jobs a second that are claimed and deleted, as the server does it."""
    begin = time.perf_counter()
    done = 0
    while done < count:
        jobs = store.claim({b"f": 1000})
        store.apply([Drop(job.handle) for job in jobs])
        done += len(jobs)
    return done / (time.perf_counter() - begin)


def with_store(cluster: TemporaryCluster, call: Callable[[ClaimableStore], float]) -> float:
    store = cast("ClaimableStore", store_for(cluster.url()))
    store.open()
    try:
        return call(store)
    finally:
        store.close()


def sizes(db: Session) -> str:
    return ", ".join(
        f"{name.removeprefix('gearbridge_')} {size / 1048576:.1f} MB" for name, size in db.execute(SIZES).fetchall()
    )


def churn(cluster: TemporaryCluster, db: Session, rows: int) -> None:
    """Enqueue and take away so many rows, and print what they leave behind."""

    def turn(store: ClaimableStore) -> float:
        for number in range(rows // PART):
            if number % max(1, rows // PART // 5) == 0:
                click.echo(f"  {number * PART:>12,} rows through: {sizes(db)}")
            db.execute(MANY.format(PART).encode())
            rates.append(drain(store, PART))
        return 0.0

    rates: list[float] = []
    with_store(cluster, turn)
    click.echo(f"  {rows:>12,} rows through: {sizes(db)}")
    tenth = max(1, len(rates) // 10)
    first, last = (sum(part) / len(part) for part in (rates[:tenth], rates[-tenth:]))
    click.echo(f"  claims in the last tenth of it, to the first: {last / first:.2f}")


@click.command()
@click.option("--waiting", default=1_000_000, show_default=True, help="Rows that wait.")
@click.option("--churn", "through", default=1_000_000, show_default=True, help="Rows that go through.")
def main(waiting: int, through: int) -> None:
    """Measure and print."""
    settings = {"autovacuum_naptime": "5s", "max_connections": "60"}  # a minute's naps, for a day in some minutes
    with TemporaryCluster(settings) as cluster:
        build(cluster.installation.extensions)
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute("CREATE EXTENSION gearbridge")
            awake, silent = (writers(cluster, setting, 200) for setting in ("on", "off"))
            click.echo(f"{WRITERS} writers, claimer awake, to no NOTIFY at all: {awake / silent:.2f} (promised 0.85)")
            db.execute(MANY.format(10).encode(), prepare=True)
            small = to_insert(db)  # the session's plans are those of a small table from here on
            db.execute(f"TRUNCATE {TABLE}".encode())
            db.execute(MANY.format(50_000).encode())
            quick = with_store(cluster, lambda store: drain(store, 50_000))
            for _ in range(waiting // 100_000):
                db.execute(MANY.format(100_000).encode())
            big = to_insert(db)
            click.echo(f"gman_enqueue to INSERT: {small:.2f} (promised 0.85)")
            click.echo(f"  in the same session, {waiting:,} rows later: {big:.2f} (promised 0.85)")
            full = with_store(cluster, lambda store: drain(store, 50_000))
            click.echo(f"claims, {waiting:,} rows waiting, to those of 50,000: {full / quick:.2f} (promised 0.8)")
            db.execute(f"TRUNCATE {TABLE}".encode())
            click.echo("what churn leaves behind:")
            churn(cluster, db, through)


if __name__ == "__main__":
    main()
