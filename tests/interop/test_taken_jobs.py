"""Workers of several languages whose jobs are taken from them while they run: none of them ends, no job is lost.

A short version runs with the tests; `make soak` takes many more jobs away.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg.errors import DeadlockDetected

from gearbridge import Client
from tests.fixtures.processes import process_starter, wait_until
from tests.server.nodes import NodeServer

from .languages import WORKERS
from .test_languages import has_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Database, Session
    from tests.fixtures.processes import Process
    from tests.fixtures.server import GearbridgeServer

CANCELS = int(os.environ.get("GEARBRIDGE_TEST_TAKEN_CANCELS", "20"))
TIME_OUTS = int(os.environ.get("GEARBRIDGE_TEST_TAKEN_TIME_OUTS", "1"))
LEASES = int(os.environ.get("GEARBRIDGE_TEST_TAKEN_LEASES", "1"))

_JOB, _NODE = "gearbridge.gearbridge_job", "gearbridge.gearbridge_node"

pytestmark = pytest.mark.usefixtures("c_programs")

SLOW = [worker for worker in WORKERS if "slow" in worker.abilities]
BRIEF = [worker for worker in WORKERS if "brief" in worker.abilities]


class Round:
    """A job of each worker, which waits for a gate of its own."""

    def __init__(self, client: Client, functions: Sequence[str], folder: Path, number: int) -> None:
        self._client = client
        self._gates = [folder / f"{function}-{number}" for function in functions]
        self.handles = [
            client.do_background(function, str(gate)) for function, gate in zip(functions, self._gates, strict=True)
        ]

    def wait_until_running(self) -> None:
        """Wait until each worker has its job and has reported progress."""
        for handle in self.handles:
            wait_until(lambda handle=handle: self._client.status(handle).numerator == 3, what=f"the start of {handle}")  # type: ignore[misc]

    def wait_until_taken(self) -> None:
        """Wait until no worker has its job any more."""
        wait_until(lambda: not any(self._running()), what=f"the loss of {self.handles}")

    def _running(self) -> list[int]:
        lines = [line.split("\t") for line in self._client.admin("status")]
        return [int(running) for _, _, running, _ in lines]

    def open_gates(self) -> None:
        """Let the workers end what they run."""
        for gate in self._gates:
            gate.touch()

    def wait_until_done(self) -> None:
        """Wait until none of the jobs is known any more."""
        for handle in self.handles:
            wait_until(lambda handle=handle: not self._client.status(handle).known, what=f"the end of {handle}")  # type: ignore[misc]


@contextlib.contextmanager
def all_at_work(server: JobServer) -> Iterator[None]:
    """Let a worker of each language work for the server while the block runs; none of them may end by itself."""
    processes: dict[str, Process] = {}
    with process_starter() as start:
        for worker in SLOW:
            processes.update(worker.start(server, start))
        for function, process in processes.items():
            process.wait_for(partial(has_worker, server, function))
        yield
        for process in processes.values():
            assert process.running, process.stderr
            assert "JOB_NOT_FOUND" not in process.stderr


def still_work(client: Client) -> None:
    """Each worker does what it is asked."""
    for worker in SLOW:
        assert client.do(f"{worker.name}.reverse", b"abc", timeout=30) == b"cba"


def test_workers_live_through_cancels_of_what_they_run(gearbridge_server: GearbridgeServer, tmp_path: Path) -> None:
    with all_at_work(gearbridge_server), Client(gearbridge_server.address) as client:
        for number in range(CANCELS):
            taken = Round(client, [f"{worker.name}.slow" for worker in SLOW], tmp_path, number)
            taken.wait_until_running()
            for handle in taken.handles:
                assert client.admin(f"cancel job {handle}") == ["OK"]
            taken.open_gates()
        still_work(client)


def test_workers_live_through_time_outs(gearbridge_server: GearbridgeServer, tmp_path: Path) -> None:
    with all_at_work(gearbridge_server), Client(gearbridge_server.address) as client:
        for number in range(TIME_OUTS):
            late = Round(client, [f"{worker.name}.brief" for worker in BRIEF], tmp_path, number)
            late.wait_until_running()
            late.wait_until_taken()
            late.open_gates()
            late.wait_until_done()
        still_work(client)
        assert gearbridge_server.process is not None
        gearbridge_server.process.wait_for_stderr(r"taken from its worker 127\.0\.0\.1 .* within its time-out of 1 s")


def take_over(db: Session) -> bool:
    """Have the other node claim all jobs, as when this one's lease is over; False after a deadlock with a node."""
    try:
        with db.transaction():
            db.execute(f"DELETE FROM {_NODE} WHERE name = 'a'".encode())
            db.execute(f"UPDATE {_JOB} SET owner = (SELECT epoch FROM {_NODE} WHERE name = 'b')".encode())
    except DeadlockDetected:
        return False
    return True


def test_workers_live_through_lost_leases(database: Database, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(NodeServer(tmp_path, database.url, "a"))
        stack.enter_context(NodeServer(tmp_path, database.url, "b"))
        stack.enter_context(all_at_work(server))
        client = stack.enter_context(Client(server.address))
        db = stack.enter_context(contextlib.closing(database.connect()))
        for number in range(LEASES):
            lost = Round(client, [f"{worker.name}.slow" for worker in SLOW], tmp_path, number)
            lost.wait_until_running()
            wait_until(lambda: take_over(db), what="the jobs to be the other node's")
            lost.wait_until_taken()
            lost.open_gates()
            db.execute(f"UPDATE {_JOB} SET owner = 0".encode())
            lost.wait_until_done()
        still_work(client)
