"""`gearbridge status`: one look, or all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, Job
from tests.fixtures.processes import free_port, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.job_server import JobServer

    from .conftest import Gearbridge


@pytest.fixture
def client(shared_job_server: JobServer) -> Iterator[Client]:
    with Client(shared_job_server.address) as client:
        yield client


def test_a_job_that_waits(gearbridge: Gearbridge, client: Client) -> None:
    handle = client.do_background("waits", "x", "status-key")
    assert gearbridge("status", handle).succeed().decode() == f"{handle}: waiting for a worker\n"
    assert json.loads(gearbridge("status", "--json", handle).succeed()) == {
        "handle": handle,
        "known": True,
        "running": False,
        "numerator": 0,
        "denominator": 0,
        "percentage": None,
    }
    by_key = json.loads(gearbridge("status", "--json", "--unique", "status-key").succeed())
    assert (by_key["known"], by_key["waiting_clients"]) == (True, 0)


def test_a_job_that_is_unknown(gearbridge: Gearbridge) -> None:
    process = gearbridge("status", "H:nobody:1")
    assert process.wait() == 1
    assert process.stdout == b"H:nobody:1: unknown (finished, or never was)\n"


def test_a_job_is_followed_to_its_end(gearbridge: Gearbridge, client: Client) -> None:
    handle = client.do_background("followed")
    process = gearbridge("status", "--follow", "--interval", "0.01", handle)
    process.wait_for_stdout("waiting for a worker")

    def step(job: Job) -> None:
        job.send_status(1, 4)
        process.wait_for_stdout(r"running, 25 % \(1/4\)")
        job.send_status(4, 4)
        process.wait_for_stdout(r"running, 100 % \(4/4\)")

    with working(client.servers[0], followed=step):
        process.succeed()
    lines = process.stdout.decode().splitlines()
    assert all(line.startswith(f"{handle}: ") for line in lines)
    assert lines[-1] == f"{handle}: unknown (finished, or never was)"
    assert len(lines) == len(set(lines))  # changes only


def test_clients_that_wait_for_a_job(gearbridge: Gearbridge, client: Client) -> None:
    waiting = gearbridge("submit", "awaited", "--unique", "awaited-key")
    wait_until(lambda: client.status_by_unique_key("awaited-key").waiting_clients == 1)
    said = gearbridge("status", "--unique", "awaited-key").succeed()
    assert said == b"awaited-key: waiting for a worker, 1 waiting for it\n"
    waiting.kill()


def test_no_server(gearbridge: Gearbridge) -> None:
    process = gearbridge("status", "H:1", servers=f"127.0.0.1:{free_port()}")
    assert process.wait() == 3
    assert process.stderr.startswith("gearbridge: no job server can be reached: ")
