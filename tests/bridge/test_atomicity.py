"""Through the bridge: a committed job is done, a rolled-back one never seen, whatever is killed in between.

Writers commit and roll back, while bridges, job server and workers are killed at random and PostgreSQL is killed and
started again. `make soak` does it longer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.fixtures.killable import killable_postgresql
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.stores.test_atomicity import Writers, moments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.killable import Killable
    from tests.fixtures.processes import Process, StartProcess

#: A worker that writes down what it was given before it says that it is done.
_WRITE_DOWN = """
import sys
from gearbridge import Worker

seen = open(sys.argv[2], "a", buffering=1)
worker = Worker(sys.argv[1])
worker.register("f", lambda job: seen.write(job.payload.decode() + "\\n") and None)
worker.work()
"""

#: A worker whose work is in the database, and ends the job in the same transaction: the unique key is the handle.
_COMPLETE = """
import sys, time
import psycopg
from gearbridge import Worker

def connect():
    return psycopg.connect(sys.argv[2], autocommit=True, connect_timeout=5)

def work(job):
    global db
    while True:
        try:
            db = db or connect()
            with db.transaction() as transaction:
                db.execute("INSERT INTO effects VALUES (%s)", (job.payload.decode(),))
                if not db.execute("SELECT gman_complete(%s)", (job.unique_key,)).fetchone()[0]:
                    raise psycopg.Rollback(transaction)
            return
        except psycopg.OperationalError:
            db = None
            time.sleep(0.1)  # PostgreSQL is being started again

db = None
worker = Worker(sys.argv[1])
worker.register("f", work)
worker.work()
"""


@pytest.fixture
def database() -> Iterator[Killable]:
    """A PostgreSQL to be killed, with the table `effects`."""
    with killable_postgresql() as database:
        database.run("CREATE TABLE effects (payload text)")
        yield database


@pytest.mark.parametrize("followed", [False, True], ids=["handed over", "followed"])
def test_committed_jobs_are_done_and_rolled_back_ones_never_seen(
    database: Killable, tmp_path: Path, start_process: StartProcess, start_bridge: StartBridge, followed: bool
) -> None:
    seen = tmp_path / "seen"
    script = tmp_path / "worker.py"
    script.write_text(_COMPLETE if followed else _WRITE_DOWN)
    with GearbridgeServer(tmp_path) as server:

        def new_worker() -> Process:
            return start_process(sys.executable, script, server.address, database.url if followed else seen)

        options = ["--follow"] if followed else []
        bridges = [start_bridge(database.url, server.address, *options)]
        bridges.append(start_bridge(database.url, server.address, *options, active=False))
        workers = [new_worker() for _ in range(3)]
        writers = Writers(database, "f", rest=0.1 if followed else 0.02)  # no more than the workers can do
        for chance in moments(database):
            what = chance.choice(("server", "worker", "bridge", "bridge"))
            if what == "server":
                server.kill()
                server.start()
            elif what == "worker":
                victim = chance.randrange(len(workers))
                workers[victim].kill()
                workers[victim] = new_worker()
            else:
                victim = chance.randrange(len(bridges))
                bridges[victim].kill()
                bridges[victim].restart()
        writers.stop()
        with psycopg.connect(database.url, autocommit=True) as db:
            unfinished = "SELECT array_agg(DISTINCT concat_ws(' ', state, error)) FROM gman_jobs"
            wait_until(lambda: value(db, unfinished) is None, 120, "the table to be empty")
            if followed:
                effects = [row[0] for row in db.execute("SELECT payload FROM effects")]
            else:
                idle = ["f\t0\t0\t3"]
                wait_until(lambda: server.admin("status") == idle, 120, "the job server to be without jobs")
                effects = seen.read_text().split()
    done = set(effects)
    writers.check(done)
    if followed:
        assert len(effects) == len(done), "done twice"
