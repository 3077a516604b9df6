"""kill -9 of a real server at any moment loses no acknowledged job: the first promise."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import make_database
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer

from .load import check_all_there, kill_under_load, work_all, work_off
from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: How often the server is killed here; `make soak` does it more often.
KILLS = int(os.environ.get("GEARBRIDGE_TEST_KILLS", "5"))


@pytest.fixture(params=["sqlite", "postgresql", *SERVERS, "memcached", "innodb-memcached", "redis"])
def durable_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GearbridgeServer]:
    """A server over each durable store."""
    options = []
    if request.param == "postgresql":
        options = ["--store", make_database(request.getfixturevalue("postgres_cluster")).url]
    elif request.param in SERVERS:
        options = ["--store", request.getfixturevalue(request.param).make_database()]
    elif request.param == "memcached":
        options = ["--store", request.getfixturevalue("memcached").url(tmp_path.name[-40:])]
    elif request.param == "redis":
        options = ["--store", request.getfixturevalue("redis").url(tmp_path.name[-40:])]
    elif request.param == "innodb-memcached":
        options = ["--store", request.getfixturevalue("innodb_memcached").url(tmp_path.name[-40:])]
    with GearbridgeServer(tmp_path, *options) as server:
        yield server


def test_kill_minus_9_loses_no_acknowledged_job(durable_server: GearbridgeServer) -> None:
    server = durable_server
    expected = kill_under_load(server, KILLS, 20261123)
    check_all_there(work_off(server), expected)
    assert server.admin("status")[0].startswith("f\t0\t0\t")


def test_ends_survive_a_clean_stop_and_handles_are_not_given_again(durable_server: GearbridgeServer) -> None:
    server = durable_server
    with WireClient(server.port) as client:
        handles = [client.ask("SUBMIT_JOB_BG", "f", "", str(number))[1] for number in range(10)]
    work_all(server.port, 7)
    assert server.stop() == 0
    server.start()
    assert [line.split("\t")[0] for line in server.admin("show jobs")] == handles[7:]
    with WireClient(server.port) as client:
        assert client.ask("GET_STATUS", handles[0]) == ("STATUS_RES", handles[0], "0", "0", "0", "0")
        assert client.ask("GET_STATUS", handles[8]) == ("STATUS_RES", handles[8], "1", "0", "0", "0")
        assert client.ask("SUBMIT_JOB_BG", "f", "", "new")[1] not in handles


def test_everything_of_a_job_survives(durable_server: GearbridgeServer) -> None:
    server = durable_server
    with WireClient(server.port) as client:
        low = client.ask("SUBMIT_JOB_LOW_BG", "f", "low key", b"\0low\xff")[1]
        high = client.ask("SUBMIT_JOB_HIGH_BG", "f", "k" * 255, "high")[1]
        later = client.ask("SUBMIT_JOB_EPOCH", "f", "", str(int(time.time()) + 3600), "later")[1]
        reduced = client.ask("SUBMIT_REDUCE_JOB_BACKGROUND", "f", "", "sum", "", "reduce")[1]
        with WireClient(server.port) as worker:  # one loss for the high one
            worker.send("CAN_DO", "f")
            assert worker.ask("GRAB_JOB")[1] == high
    wait_until(lambda: f"{high}\t1\t0\t1" in server.admin("show jobs"), what="the loss to be counted")
    with WireClient(server.port) as client:  # an acknowledged job is written after all that came before it
        client.ask("SUBMIT_JOB_EPOCH", "f", "", str(int(time.time()) + 3600), "behind the loss")
    server.kill()
    server.start()
    assert f"{high}\t1\t0\t1" in server.admin("show jobs")
    with WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB_ALL") == ("JOB_ASSIGN_UNIQ", high, "f", "k" * 255, "high")
        assert worker.ask("GRAB_JOB_ALL") == ("JOB_ASSIGN_ALL", reduced, "f", "", "sum", "reduce")
        assert worker.ask("GRAB_JOB_ALL") == ("JOB_ASSIGN_UNIQ", low, "f", "low key", "\0low\xff")
        assert worker.ask("GRAB_JOB_ALL") == ("NO_JOB",)
        assert worker.ask("GET_STATUS", later) == ("STATUS_RES", later, "1", "0", "0", "0")
