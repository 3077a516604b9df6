"""The promise of gman_enqueue: a committed job is done, a rolled-back one is never seen, whatever is killed in between.

Writers commit and roll back, while the job server and its workers are killed at random and the database is killed and
started again. `make soak` does it longer.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.killable import LOST, killable
from tests.fixtures.mysql import SERVERS
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.killable import Killable
    from tests.fixtures.processes import Process, StartProcess

TRANSACTIONS = int(os.environ.get("GEARBRIDGE_TEST_TRANSACTIONS", "1000"))
WRITERS = 16
KILLS = int(os.environ.get("GEARBRIDGE_TEST_KILLS", "8"))
RESTARTS = 2
ROOT = str(Path(__file__).parents[2])

#: A worker of two functions: one writes down what it was given before it says that it is done, which may come twice;
#: the other keeps that in the database, and ends the job in the same transaction.
_WORKER = """
import sys, time
from gearbridge import Worker
from tests.fixtures.killable import LOST, Killable

database = Killable(sys.argv[2], lambda: None)
seen = open(sys.argv[3], "a", buffering=1)

db = None

def complete(job):
    global db
    while True:
        try:
            db = db or database.connect()
            cursor = db.cursor()
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO effects VALUES (%s)", (job.payload.decode(),))
            cursor.execute("SELECT gman_complete(%s, NULL)", (job.handle,))
            cursor.execute("COMMIT" if cursor.fetchone()[0] else "ROLLBACK")
            return
        except LOST:
            db = None
            time.sleep(0.1)  # the database is being started again

worker = Worker(sys.argv[1])
worker.register("reported", lambda job: seen.write(job.payload.decode() + "\\n") and None)
worker.register("completed", complete)
worker.work()
"""


class Writers:
    """Threads that enqueue, one job a transaction, and remember how each transaction ended.

    The jobs are of the `functions` in turn. `rest` is the longest pause between two transactions of one, in seconds.
    """

    def __init__(self, database: Killable, *functions: str, rest: float) -> None:
        self.committed: set[str] = set()
        self.rolled_back: set[str] = set()
        self.unknown: set[str] = set()  # the connection broke while it committed
        self._database = database
        self._functions = functions
        self._rest = rest
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(f"w{number}",)) for number in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let them end, once they have done so many transactions as they should."""
        self._stop.set()
        wait_until(lambda: not any(thread.is_alive() for thread in self._threads), 600, "the writers to end")

    def check(self, done: set[str]) -> None:
        """What was committed is done, and what was rolled back is not."""
        assert len(self.committed) + len(self.rolled_back) > TRANSACTIONS // 2
        assert not self.committed - done, "lost"
        assert not done & self.rolled_back, "invented"
        assert done <= self.committed | self.unknown

    def _run(self, name: str) -> None:
        chance = random.Random(name)
        number = 0
        while self._more(number):
            try:
                with closing(self._database.connect()) as db:
                    while self._more(number):
                        number += 1
                        function = self._functions[number % len(self._functions)]
                        self._enqueue(db.cursor(), function, f"{name}-{number}", chance.random() < 1 / 3)
                        time.sleep(chance.random() * self._rest)
            except LOST:
                time.sleep(0.05)  # the database is being started again

    def _more(self, number: int) -> bool:
        return not self._stop.is_set() or number < TRANSACTIONS // WRITERS

    def _enqueue(self, cursor: Any, function: str, job: str, roll_back: bool) -> None:
        self.unknown.add(job)
        try:
            cursor.execute("BEGIN")
            cursor.execute(self._database.enqueue, (function, job))
        except LOST:
            self.unknown.discard(job)
            self.rolled_back.add(job)
            raise
        if roll_back:
            self.unknown.discard(job)
            self.rolled_back.add(job)
            cursor.execute("ROLLBACK")
            return
        cursor.execute("COMMIT")
        self.unknown.discard(job)
        self.committed.add(job)


def moments(database: Killable) -> Iterator[random.Random]:
    """The moments to kill something, after pauses; the database itself is killed before some of them."""
    chance = random.Random(1)
    restarts = set(chance.sample(range(KILLS), max(RESTARTS, KILLS // 5)))
    for kill in range(KILLS):
        time.sleep(chance.random() * 0.4)
        if kill in restarts:
            database.crash()
        yield chance


@pytest.mark.parametrize("kind", ["postgresql", *SERVERS])
def test_committed_jobs_are_done_and_rolled_back_ones_never_seen(
    kind: str, tmp_path: Path, start_process: StartProcess
) -> None:
    seen = tmp_path / "seen"
    script = tmp_path / "worker.py"
    script.write_text(_WORKER)
    with killable(kind) as database, GearbridgeServer(tmp_path, "--store", database.url) as server:
        database.run("CREATE TABLE effects (payload varchar(100))")

        def new_worker() -> Process:
            return start_process(sys.executable, script, server.address, database.url, seen, env={"PYTHONPATH": ROOT})

        workers = [new_worker() for _ in range(3)]
        # No more than the workers can do.
        writers = Writers(database, "reported", "reported", "reported", "completed", rest=0.1)
        for chance in moments(database):
            if chance.random() < 0.5:
                server.kill()
                server.start()
            else:
                victim = chance.randrange(len(workers))
                workers[victim].kill()
                workers[victim] = new_worker()
        writers.stop()
        unfinished = "SELECT DISTINCT `function`, state, error FROM gman_jobs".replace("`", database.quote)
        wait_until(lambda: not database.run(unfinished), 120, "the table to be empty")
        completed = [payload for (payload,) in database.run("SELECT payload FROM effects")]
    writers.check({*seen.read_text().split(), *completed})
    assert len(completed) == len(set(completed)), "done twice"
