"""The promise of gman_enqueue: a committed job is done, a rolled-back one is never seen, whatever is killed in between.

Writers commit and roll back, while the job server and its workers are killed at random and PostgreSQL is killed and
started again. `make soak` does it longer.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import psycopg

from gearbridge.errors import ConfigurationError
from gearbridge.extension.build import build
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.processes import Process, StartProcess

TRANSACTIONS = int(os.environ.get("GEARBRIDGE_TEST_TRANSACTIONS", "1000"))
WRITERS = 16
KILLS = int(os.environ.get("GEARBRIDGE_TEST_KILLS", "8"))
RESTARTS = 2

#: A worker that writes down what it was given before it says that it is done.
_WORKER = """
import sys
from gearbridge import Worker

seen = open(sys.argv[2], "a", buffering=1)
worker = Worker(sys.argv[1])
worker.register("f", lambda job: seen.write(job.payload.decode() + "\\n") and None)
worker.work()
"""


class Writers:
    """Threads that enqueue, one job a transaction, and remember how each transaction ended.

    `rest` is the longest pause between two transactions of one, in seconds.
    """

    def __init__(self, url: str, rest: float = 0.01) -> None:
        self.committed: set[str] = set()
        self.rolled_back: set[str] = set()
        self.unknown: set[str] = set()  # the connection broke while it committed
        self._url = url
        self._rest = rest
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(f"w{number}",)) for number in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let them end, once they have done so many transactions as they should."""
        self._stop.set()
        wait_until(lambda: not any(thread.is_alive() for thread in self._threads), 600, "the writers to end")

    def _run(self, name: str) -> None:
        chance = random.Random(name)
        number = 0
        while self._more(number):
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as db:
                    while self._more(number):
                        number += 1
                        self._enqueue(db, f"{name}-{number}", chance.random() < 1 / 3)
                        time.sleep(chance.random() * self._rest)
            except psycopg.OperationalError:
                time.sleep(0.05)  # PostgreSQL is being started again

    def _more(self, number: int) -> bool:
        return not self._stop.is_set() or number < TRANSACTIONS // WRITERS

    def _enqueue(self, db: psycopg.Connection[tuple[object, ...]], job: str, roll_back: bool) -> None:
        self.unknown.add(job)
        try:
            db.execute("BEGIN")
            db.execute("SELECT gman_enqueue('f', %s::text)", (job,))
        except psycopg.OperationalError:
            self.unknown.discard(job)
            self.rolled_back.add(job)
            raise
        if roll_back:
            self.unknown.discard(job)
            self.rolled_back.add(job)
            db.execute("ROLLBACK")
            return
        db.execute("COMMIT")
        self.unknown.discard(job)
        self.committed.add(job)


def kill_postgresql(cluster: TemporaryCluster) -> None:
    server = cluster.pid
    os.kill(server, signal.SIGQUIT)  # at once, without a checkpoint: what a crash is to those who are connected

    def started() -> bool:
        try:
            cluster.restart()
        except ConfigurationError:
            return False
        return True

    wait_until(started, 60, "PostgreSQL to start again")


def moments(cluster: TemporaryCluster) -> Iterator[random.Random]:
    """The moments to kill something, after pauses; PostgreSQL itself is killed before some of them."""
    chance = random.Random(1)
    restarts = set(chance.sample(range(KILLS), RESTARTS))
    for kill in range(KILLS):
        time.sleep(chance.random() * 0.4)
        if kill in restarts:
            kill_postgresql(cluster)
        yield chance


def test_committed_jobs_are_done_and_rolled_back_ones_never_seen(tmp_path: Path, start_process: StartProcess) -> None:
    seen = tmp_path / "seen"
    script = tmp_path / "worker.py"
    script.write_text(_WORKER)
    with TemporaryCluster() as cluster:
        build(cluster.installation.extensions)
        with psycopg.connect(cluster.url(), autocommit=True) as db:
            db.execute("CREATE EXTENSION gearbridge")
        with GearbridgeServer(tmp_path, "--store", cluster.url()) as server:

            def new_worker() -> Process:
                return start_process(sys.executable, script, server.address, seen)

            workers = [new_worker() for _ in range(3)]
            writers = Writers(cluster.url())
            for chance in moments(cluster):
                if chance.random() < 0.5:
                    server.kill()
                    server.start()
                else:
                    victim = chance.randrange(len(workers))
                    workers[victim].kill()
                    workers[victim] = new_worker()
            writers.stop()
            with psycopg.connect(cluster.url(), autocommit=True) as db:
                wait_until(lambda: value(db, "SELECT count(*) = 0 FROM gman_jobs"), 120, "the table to be empty")
            done = set(seen.read_text().split())
    assert len(writers.committed) + len(writers.rolled_back) > TRANSACTIONS // 2
    assert not writers.committed - done, "lost"
    assert not done & writers.rolled_back, "invented"
    assert done <= writers.committed | writers.unknown
