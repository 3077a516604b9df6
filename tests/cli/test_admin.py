"""`gearbridge admin`: tables for people, the wire's lines with --raw, and clear refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.fixtures.processes import free_port, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import Process

    from .conftest import Gearbridge


@pytest.fixture
def client(shared_job_server: JobServer) -> Iterator[Client]:
    with Client(shared_job_server.address) as client:
        yield client


def rows(process: Process) -> list[list[str]]:
    return [line.split() for line in process.succeed().decode().splitlines()]


def test_status(gearbridge: Gearbridge, client: Client) -> None:
    client.do_background_many("admin_status_of_a_long_name", ["x"] * 12)
    client.do_background("admin_b")
    text = gearbridge("admin", "status").succeed().decode()
    table = [line for line in text.splitlines() if "admin_" in line or "FUNCTION" in line]
    assert table == [
        "FUNCTION                     JOBS  RUNNING  WORKERS",
        "admin_b                         1        0        0",
        "admin_status_of_a_long_name    12        0        0",
    ]
    raw = gearbridge("admin", "status", "--raw").succeed().decode().splitlines()
    assert "admin_b\t1\t0\t0" in raw
    assert raw[-1] == "."


def test_priorities(gearbridge: Gearbridge, client: Client) -> None:
    for priority in (0, 0, 2):
        client.do_background("admin_ranked", priority=priority)
    table = rows(gearbridge("admin", "priorities"))
    assert table[0] == ["FUNCTION", "HIGH", "NORMAL", "LOW", "WORKERS"]
    assert ["admin_ranked", "2", "0", "1", "0"] in table


def test_workers(gearbridge: Gearbridge, client: Client) -> None:
    with working(client.servers[0], admin_f=lambda job: None, admin_g=lambda job: None) as worker:
        wait_until(lambda: any(worker.client_id in line for line in client.admin("workers")))
        table = rows(gearbridge("admin", "workers"))
    assert table[0] == ["CONNECTION", "ADDRESS", "ID", "FUNCTIONS"]
    (row,) = (row for row in table if worker.client_id in row)
    assert row[1] == "127.0.0.1"
    assert set(row[3:]) == {"admin_f", "admin_g"}
    assert any(row[2:] == ["-", "-"] for row in table[1:])  # connections of clients


def test_jobs_and_unique_keys(gearbridge: Gearbridge, client: Client) -> None:
    handle = client.do_background("admin_jobs", "x", "admin-key")
    table = rows(gearbridge("admin", "jobs"))
    assert table[0] == ["HANDLE", "RETRIES", "IGNORED", "STORED"]
    (row,) = (row for row in table if row[0] == handle)
    assert row[1:3] == ["0", "0"]
    assert ["admin-key"] in rows(gearbridge("admin", "unique-jobs"))


def test_one_line_answers(gearbridge: Gearbridge, client: Client, shared_job_server: JobServer) -> None:
    version = client.admin("version")[0]
    assert gearbridge("admin", "version").succeed().decode() == version.removeprefix("OK ") + "\n"
    assert gearbridge("admin", "version", "--raw").succeed().decode() == version + "\n"
    assert gearbridge("admin", "send", "version").succeed().decode() == version.removeprefix("OK ") + "\n"
    assert int(gearbridge("admin", "getpid").succeed()) == shared_job_server.pid


def test_cancel(gearbridge: Gearbridge, client: Client) -> None:
    handle = client.do_background("admin_cancel")
    assert gearbridge("admin", "cancel", handle).succeed() == b"OK\n"
    refused = gearbridge("admin", "cancel", "H:nobody:1")
    assert refused.wait() == 1
    assert refused.stderr == f"gearbridge: {client.servers[0]} refused: UNKNOWN_JOB\n"


def test_limits_and_drop(gearbridge: Gearbridge, client: Client) -> None:
    client.do_background("admin_limited")
    gearbridge("admin", "maxqueue", "admin_limited", "1").succeed()
    full = gearbridge("submit", "-b", "admin_limited")
    assert full.wait() == 1
    assert full.stderr == "gearbridge: QUEUE_ERROR: Job queue is full\n"
    gearbridge("admin", "maxqueue", "admin_limited").succeed()
    gearbridge("submit", "-b", "admin_limited").succeed()
    refused = gearbridge("admin", "drop", "admin_unknown")
    assert refused.wait() == 1
    assert refused.stderr == f"gearbridge: {client.servers[0]} refused: ERR: function not found\n"


def test_several_servers(gearbridge: Gearbridge, client: Client) -> None:
    client.do_background("admin_several")
    dead = f"127.0.0.1:{free_port()}"
    process = gearbridge("admin", "status", "--servers", f"{dead},{client.servers[0]}")
    assert process.wait() == 3
    assert process.stderr == f"gearbridge: no job server can be reached: {dead} (Connection refused)\n"
    table = [line.split() for line in process.stdout.decode().splitlines()]
    assert table[0][:2] == ["SERVER", "FUNCTION"]
    assert [client.servers[0], "admin_several", "1", "0", "0"] in table


def test_names_that_are_not_utf_8_are_shown_as_they_are(gearbridge: Gearbridge, client: Client) -> None:
    client.do_background(b"admin_\xff")
    assert b"admin_\xff" in gearbridge("admin", "status").succeed()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("cancel",), "Missing argument 'HANDLE'"),
        (("drop", "two words"), "an argument cannot be empty or contain spaces"),
        (("drop", ""), "an argument cannot be empty or contain spaces"),
        (("send",), "Missing argument 'WORD...'"),
    ],
)
def test_wrong_usage(gearbridge: Gearbridge, arguments: tuple[str, ...], said: str) -> None:
    process = gearbridge("admin", *arguments)
    assert process.wait() == 2
    assert said in " ".join(process.stderr.split())


def test_a_command_that_the_server_does_not_know(gearbridge: Gearbridge) -> None:
    process = gearbridge("admin", "send", "make", "tea")
    assert process.wait() == 1
    assert "refused: UNKNOWN_COMMAND: Unknown server command" in process.stderr


def test_a_name_with_a_tabulator_is_read_in_every_list(shared_job_server: JobServer, gearbridge: Gearbridge) -> None:
    name = "app1\tresize"
    with working(shared_job_server.address, **{name: lambda job: b""}), Client(shared_job_server.address) as client:
        client.do(name)
        for words in (("admin", "status"), ("admin", "priorities"), ("top", "--once")):
            process = gearbridge(*words)
            (line,) = [line for line in process.succeed().decode(errors="replace").splitlines() if "resize" in line]
            assert line.split()[-1] == "1", "one worker"
        doctor = gearbridge("doctor")
        doctor.wait()  # other tests' jobs may wait without a worker
        assert b"the admin protocol answers" in doctor.stdout
