"""The reason of a failure reaches gman_jobs.error in every way in which a worker can give it, or is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.errors import JobException, JobFailed
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer
from tests.fixtures.workers import working

from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import StartProcess


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[GearbridgeServer]:
    with GearbridgeServer(tmp_path, "--store", database.url) as server:
        yield server


def enqueue(database: Database) -> str:
    with database.connect() as db:
        return str(value(db, "SELECT gman_enqueue('f', 'payload', max_attempts => 1)"))


def error_of(database: Database, handle: str) -> str:
    """Wait until the job has failed, and return its error."""
    with database.connect() as db:

        def failed() -> Any:
            return value(db, "SELECT coalesce(max(error), '') FROM gman_jobs WHERE handle = %s", handle)

        return str(wait_until(failed, what="the job to fail"))


def raising(error: Callable[[Job], Exception]) -> Callable[[Job], bytes]:
    def fail(job: Job) -> bytes:
        raise error(job)

    return fail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (lambda job: ValueError("no such picture"), "ValueError: no such picture"),
        (lambda job: JobException(job.handle, "größer".encode()), "größer"),
        (lambda job: JobFailed(job.handle, "the disk is on fire"), "the disk is on fire"),
        (lambda job: JobFailed(job.handle, ""), "the worker said that the job failed"),
    ],
)
def test_what_a_worker_in_python_raises(
    server: GearbridgeServer, database: Database, error: Callable[[Job], Exception], reason: str
) -> None:
    with working(server.address, f=raising(error)):
        assert error_of(database, enqueue(database)) == reason


def test_the_command_of_gearbridge_work(
    server: GearbridgeServer, database: Database, start_process: StartProcess
) -> None:
    script = "echo looking >&2; echo 'no such file' >&2; exit 3"
    start_process(GEARBRIDGE, "work", "f", "--servers", server.address, "--", "sh", "-c", script)
    reason = error_of(database, enqueue(database))
    assert reason.endswith("ended with status 3: no such file")


def test_a_time_out(server: GearbridgeServer, database: Database) -> None:
    handle = enqueue(database)
    with WireClient(server.port) as worker:
        worker.send("CAN_DO_TIMEOUT", "f", "1000")
        wait_until(lambda: worker.ask("GRAB_JOB")[0] == "JOB_ASSIGN", what="the job")
        assert error_of(database, handle) == "its worker did not end it within its time-out of 1 s"


def test_a_lost_worker(server: GearbridgeServer, database: Database) -> None:
    handle = enqueue(database)
    with WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        wait_until(lambda: worker.ask("GRAB_JOB")[0] == "JOB_ASSIGN", what="the job")
    assert error_of(database, handle) == "its worker was lost"


def test_a_warning_ahead_of_a_failure(server: GearbridgeServer, database: Database) -> None:
    handle = enqueue(database)
    with WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        wait_until(lambda: worker.ask("GRAB_JOB")[0] == "JOB_ASSIGN", what="the job")
        worker.send("WORK_WARNING", handle, "out of paper")
        worker.send("WORK_FAIL", handle)
        assert error_of(database, handle) == "out of paper"
