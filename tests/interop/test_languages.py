"""Clients and workers over both job servers: the `gearman` tool, C, PHP, Perl, Node, pygearman, gearbridge.

gearmand is the oracle: what fails with it too is a defect of the test.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import process_starter, wait_until

from .languages import CLIENTS, WORKERS, Client, Worker, clients_with, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import Process, StartProcess

#: Every byte there is, so that nothing in between took the payload for text.
BYTES = bytes(range(256))
TEXT = b"plain words, and nothing else "
LARGE = random.Random(1).randbytes(300_000)


def meeting(ability: str, *of_client: str) -> pytest.MarkDecorator:
    """Run the test with each client that has these abilities, and each worker that it meets and that can do this."""
    met = pairs(ability, *of_client)
    return pytest.mark.parametrize(("client", "worker"), met, ids=[f"{one.name}-{other.name}" for one, other in met])


SLOW_WORKERS = [worker for worker in WORKERS if "slow" in worker.abilities]
each_client = pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])


@pytest.fixture(scope="module")
def server(shared_job_server: JobServer, c_programs: Path) -> Iterator[JobServer]:
    """A job server with all the workers. They end before it: some would seek one that is gone without a pause."""
    with process_starter() as start:
        processes: dict[str, Process] = {}
        for worker in WORKERS:
            processes |= worker.start(shared_job_server, start)
        for function, process in processes.items():
            process.wait_for(partial(has_worker, shared_job_server, function))
        yield shared_job_server


@meeting("reverse")
def test_a_foreground_job_gives_its_result(server: JobServer, client: Client, worker: Worker) -> None:
    some, large = (TEXT, TEXT * 100) if worker.text_only else (BYTES, LARGE)
    for payload, priority in ((some, "normal"), (b"x", "high"), (large, "low")):
        outcome = client.do(server, f"{worker.name}.reverse", payload, priority=priority)
        assert outcome == (0, payload[::-1], [])


@meeting("nothing")
def test_an_empty_result_is_a_result(server: JobServer, client: Client, worker: Worker) -> None:
    if server.kind == "gearmand" and worker.name == "perl":
        return  # its packet lacks the last NUL then: gearmand drops the worker, and gives it the job again, for ever
    assert client.do(server, f"{worker.name}.nothing", b"-") == (0, b"", [])


@meeting("note")
def test_a_background_job_is_done(server: JobServer, client: Client, worker: Worker, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    handle = client.background(server, f"{worker.name}.note", f"{notes}\nby {client.name}".encode())
    assert handle.startswith("H:")
    wait_until(lambda: notes.exists() and notes.read_text() == f"by {client.name}\n", what="the note")


@meeting("fail")
def test_a_failed_job_is_told_of(server: JobServer, client: Client, worker: Worker) -> None:
    outcome = client.do(server, f"{worker.name}.fail", b"-")
    assert outcome.status == 1
    assert outcome.output == b""
    if client.name != "tool":  # it says so by its exit status only
        # A worker in Python gives the reason of a failure as a warning, which not every client reports.
        reasons = ["warning as asked"] if worker.name == "gearbridge" else []
        assert [report for report in outcome.reports if report not in reasons] == ["failed"]
    assert client.do(server, f"{worker.name}.reverse", b"and on").output == b"no dna"


@meeting("throw")
def test_an_exception_ends_the_job(server: JobServer, client: Client, worker: Worker) -> None:
    if server.kind == "gearmand" and "exceptions" not in client.abilities:
        return  # gearmand's WORK_FAIL has a NUL after the handle then: pygearman dies of it, the tool waits for ever
    outcome = client.do(server, f"{worker.name}.throw", b"-")
    assert outcome.status == 1
    assert outcome.output == b""
    if "exceptions" in client.abilities:
        assert outcome.reports == ["exception no ink"]
    assert client.do(server, f"{worker.name}.reverse", b"and on").output == b"no dna"


@meeting("report", "reports")
def test_what_the_worker_reports_reaches_the_client(server: JobServer, client: Client, worker: Worker) -> None:
    outcome = client.do(server, f"{worker.name}.report", b"-")
    assert outcome == (0, b"last", ["status 1/2", "warning careful", "data first"])


@pytest.mark.parametrize("worker", SLOW_WORKERS, ids=[worker.name for worker in SLOW_WORKERS])
def test_every_language_asks_for_the_status_of_a_stored_handle(
    server: JobServer, worker: Worker, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    askers = clients_with("status")
    handle = askers[0].background(server, f"{worker.name}.slow", str(gate).encode(), priority="high")
    wait_until(lambda: askers[0].job_status(server, handle) == [1, 1, 3, 4], what="the job's progress")
    assert [asker.job_status(server, handle) for asker in askers] == [[1, 1, 3, 4]] * len(askers)
    gate.touch()
    wait_until(lambda: askers[0].job_status(server, handle) == [0, 0, 0, 0], what="the job's end")


@meeting("unique", "unique")
def test_the_worker_is_told_the_unique_key(server: JobServer, client: Client, worker: Worker) -> None:
    assert client.do(server, f"{worker.name}.unique", b"-", unique="order 17").output == b"order 17"


@each_client
def test_jobs_with_the_same_unique_key_are_one_job(server: JobServer, client: Client, tmp_path: Path) -> None:
    function, notes = f"{client.name}.nobody-yet", tmp_path / "notes"
    handles = [client.background(server, function, f"{notes}\n{n}".encode(), unique="same") for n in range(3)]
    handles.append(client.background(server, function, b"x", unique="other"))
    assert handles[0] == handles[1] == handles[2] != handles[3]
    assert jobs_of(server, function) == 2


@each_client
def test_a_worker_gets_the_highest_priority_first(
    server: JobServer, client: Client, tmp_path: Path, start_process: StartProcess
) -> None:
    notes, late = tmp_path / "notes", Worker(f"late-{client.name}", WORKERS[-1].command, "note")
    for priority in ("low", "normal", "high", "low", "high"):
        client.background(server, f"{late.name}.note", f"{notes}\n{priority}".encode(), priority=priority)
    late.start(server, start_process)
    wait_until(lambda: jobs_of(server, f"{late.name}.note") == 0, what="the end of the jobs")
    assert notes.read_text().split() == ["high", "high", "normal", "low", "low"]


def has_worker(server: JobServer, function: str) -> bool:
    return status_of(server, function)[2:] == [1]


def jobs_of(server: JobServer, function: str) -> int:
    """How many jobs of the function are queued or running."""
    return status_of(server, function)[0]


def status_of(server: JobServer, function: str) -> list[int]:
    """Jobs, running jobs and workers of the function, as the admin command `status` tells; empty when it is unknown."""
    for line in server.admin("status"):
        name, *numbers = line.split("\t")
        if name == function:
            return [int(number) for number in numbers]
    return []
