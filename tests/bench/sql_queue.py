"""The queue in PostgreSQL, measured beside what it is made of: plain INSERTs, and a plain loop that claims and deletes.

    python -m tests.bench.sql_queue [--jobs N] [--rounds N]

Enqueueing is compared with INSERTs of the same rows into the same table, draining with a psycopg loop that takes 100
rows with SKIP LOCKED and deletes them, without any job server or worker behind it. Everything commits durably. Medians
of rounds in which each is measured in turn; the ratios count, not the figures.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg

from gearbridge.bench.background import work
from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

from . import DRAINED_WITH

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge import Job

    Session = psycopg.Connection[tuple[Any, ...]]

_COLUMNS = (
    "handle, function, unique_key, priority, payload, due, attempts, reducer, "
    "state, max_attempts, keep_result, enqueued, enqueued_by"
)
_VALUES = "'P:' || nextval('gearbridge.gearbridge_job_id_seq'), 'f', '', 1, {}, 0, 0, '', 1, 0, 0, 1700000000, 'me'"
_TABLE = "gearbridge.gearbridge_job"
_INSERT = f"INSERT INTO {_TABLE} ({_COLUMNS}) "
_SIZE = 64
_CLAIM = (
    f"DELETE FROM {_TABLE} WHERE id = ANY (ARRAY(SELECT id FROM {_TABLE} "
    "WHERE state = 1 AND due = 0 AND function = 'f' ORDER BY priority, id LIMIT 100 FOR UPDATE SKIP LOCKED)) "
    "RETURNING payload"
)


class Bench:
    """One database, and what is measured in it; each method returns a rate per second."""

    def __init__(self, cluster: TemporaryCluster, db: Session, jobs: int) -> None:
        self._cluster = cluster
        self._db = db
        self._jobs = jobs

    def insert_one_by_one(self) -> float:
        return self._each(_INSERT + f"VALUES ({_VALUES.format('%s')})", b"x" * _SIZE)

    def enqueue_one_by_one(self) -> float:
        return self._each("SELECT gman_enqueue('f', %s::bytea)", b"x" * _SIZE)

    def insert_many(self) -> float:
        return self._thousands(_INSERT + f"SELECT {_VALUES.format('payload')} FROM unnest(%s::bytea[]) AS payload")

    def enqueue_many(self) -> float:
        return self._thousands("SELECT cardinality(gman_enqueue_many('f', %s::bytea[]))")

    def insert_select(self) -> float:
        payload = _VALUES.format("convert_to(to_jsonb(images)::text, 'UTF8')")
        return self._images(_INSERT + f"SELECT {payload} FROM images", "")

    def statement_trigger(self) -> float:
        """The trigger's own time: the same INSERT into `images` without it is taken off."""
        trigger = (
            "CREATE TRIGGER enqueue AFTER INSERT ON images REFERENCING NEW TABLE AS gearbridge_rows"
            " FOR EACH STATEMENT EXECUTE FUNCTION gman_enqueue_rows('f')"
        )
        return self._images("", trigger)

    def loop(self) -> float:
        self._fill()
        with psycopg.connect(self._cluster.url(), autocommit=True) as db:
            begin = time.perf_counter()
            while db.execute(_CLAIM.encode()).fetchall():
                pass
            return self._jobs / (time.perf_counter() - begin)

    def drain(self) -> float:
        self._fill()
        with tempfile.TemporaryDirectory() as folder, self._server(folder) as server:
            begin = time.perf_counter()
            work((server.host, server.port), b"f", self._jobs, 16)
            while self._db.execute(f"SELECT count(*) FROM {_TABLE}".encode()).fetchone() != (0,):
                time.sleep(0.005)
            return self._jobs / (time.perf_counter() - begin)

    def latencies(self, count: int) -> list[float]:
        """Seconds from commit to the worker's start, on an idle queue; sorted."""
        started: dict[bytes, float] = {}

        def note(job: Job) -> None:
            started[job.payload] = time.perf_counter()

        found: list[float] = []
        with tempfile.TemporaryDirectory() as folder, self._server(folder) as server, working(server.address, f=note):
            for number in range(count):
                payload = b"%d" % number
                self._db.execute("SELECT gman_enqueue('f', %s::bytea)", (payload,))
                committed = time.perf_counter()
                while payload not in started:
                    time.sleep(0.0001)
                found.append(started[payload] - committed)
                time.sleep(0.02)
        return sorted(found)

    def _server(self, folder: str) -> GearbridgeServer:
        return GearbridgeServer(Path(folder), "--store", self._cluster.url())

    def _empty(self) -> None:
        self._db.execute(f"TRUNCATE {_TABLE}".encode())

    def _fill(self) -> None:
        self._empty()
        payloads = f"array_agg(convert_to(repeat('x', {_SIZE}), 'UTF8'))"
        query = f"SELECT cardinality(gman_enqueue_many('f', {payloads})) FROM generate_series(1, {self._jobs})"
        self._db.execute(query.encode())
        self._db.execute(f"VACUUM ANALYZE {_TABLE}".encode())

    def _each(self, query: str, payload: bytes) -> float:
        count = 2000
        begin = time.perf_counter()
        for _ in range(count):
            self._db.execute(query.encode(), (payload,), prepare=True)
        return count / (time.perf_counter() - begin)

    def _thousands(self, query: str) -> float:
        self._empty()
        payloads = [b"x" * _SIZE] * 1000
        begin = time.perf_counter()
        for _ in range(self._jobs // 1000):
            self._db.execute(query.encode(), (payloads,), prepare=True)
        return self._jobs / (time.perf_counter() - begin)

    def _images(self, after: str, trigger: str) -> float:
        fill = f"INSERT INTO images SELECT n, 'picture ' || n FROM generate_series(1, {self._jobs}) AS n".encode()
        times = []
        for with_it in (False, True):
            self._empty()
            self._db.execute("DROP TABLE IF EXISTS images")
            self._db.execute("CREATE TABLE images (id integer, path text)")
            if with_it and trigger:
                self._db.execute(trigger.encode())
            begin = time.perf_counter()
            self._db.execute(fill)
            if with_it and after:
                begin = time.perf_counter()
                self._db.execute(after.encode())
            times.append(time.perf_counter() - begin)
        return self._jobs / (times[1] - times[0] if trigger else times[1])


@click.command()
@click.option("--jobs", default=100_000, show_default=True, help="Jobs in the table, for what takes many.")
@click.option("--rounds", default=5, show_default=True, help="Rounds; the medians are printed.")
def main(jobs: int, rounds: int) -> None:
    """Measure and print."""
    with TemporaryCluster() as cluster:
        build(cluster.installation.extensions)
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute("CREATE EXTENSION gearbridge")
            bench = Bench(cluster, db, jobs)
            pairs: list[tuple[str, Callable[[], float], Callable[[], float], float]] = [
                ("gman_enqueue, one a commit, to INSERT", bench.enqueue_one_by_one, bench.insert_one_by_one, 0.85),
                ("gman_enqueue_many, 1,000 a commit, to INSERT", bench.enqueue_many, bench.insert_many, 0.9),
                ("statement trigger, its own time, to INSERT", bench.statement_trigger, bench.insert_select, 0.75),
                ("workers draining a table, to a bare loop", bench.drain, bench.loop, 0),
            ]
            rates: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name, *_ in pairs}
            for _ in range(rounds):
                for name, ours, theirs, _promised in pairs:
                    rates[name][0].append(ours())
                    rates[name][1].append(theirs())
            click.echo(DRAINED_WITH)
            for name, _ours, _theirs, promised in pairs:
                one, other = (statistics.median(part) for part in rates[name])
                wanted = f" (promised {promised})" if promised else ""
                click.echo(f"{name}: {one:,.0f}/s to {other:,.0f}/s, ratio {one / other:.2f}{wanted}")
            found = bench.latencies(300)
            middle, late = (1000 * found[int(len(found) * part)] for part in (0.5, 0.99))
            click.echo(
                f"from commit to the worker's start, idle: p50 {middle:.1f} ms, p99 {late:.1f} ms (promised 3, 10)"
            )


if __name__ == "__main__":
    main()
