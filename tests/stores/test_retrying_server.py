"""A server with a rule of retries: jobs that came over a socket and failed are tried again, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge.stores.jobtable.schema import FAILED, WAITING
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working
from tests.server.nodes import NodeServer
from tests.server.wire_client import WireClient

from .enqueueing import row_of
from .place import DRIVERS, ITEMS, make_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job

    from .place import Place

RULE = ("--retry", "other=1", "--retry", "mail_*=2")
DURABLE = [*(kind for kind in DRIVERS if kind != "plain"), *ITEMS]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    kind = request.param
    return "memory:" if kind == "memory" else make_place(request, kind, tmp_path / "jobs.db").url


@pytest.fixture
def server(url: str, tmp_path: Path) -> Iterator[GearbridgeServer]:
    with GearbridgeServer(tmp_path, "--store", url, *RULE) as server:
        yield server


class Failing:
    """A worker's function that fails always, with the handles that it was given."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def __call__(self, job: Job) -> None:
        self.tried.append(job.handle)
        raise ValueError("no such user")


def submit(server: GearbridgeServer, function: str) -> str:
    with WireClient(server.port) as client:
        created, handle = client.ask("SUBMIT_JOB_BG", function, "", "payload")
        assert created == "JOB_CREATED"
        return handle


def is_known(server: GearbridgeServer, handle: str) -> bool:
    with WireClient(server.port) as client:
        return client.ask("GET_STATUS", handle)[2] == "1"


@pytest.mark.parametrize("url", ["memory", *DURABLE], indirect=True)
def test_a_failing_job_is_tried_as_often_as_the_rule_says_others_once(server: GearbridgeServer) -> None:
    fail = Failing()
    with working(server.address, mail_welcome=fail, plain=fail):
        once, twice = submit(server, "plain"), submit(server, "mail_welcome")
        wait_until(lambda: len(fail.tried) == 2)
        assert is_known(server, twice)
        wait_until(lambda: len(fail.tried) == 3)
        wait_until(lambda: not is_known(server, twice))
    assert sorted(fail.tried) == sorted([once, twice, twice])


@pytest.mark.parametrize("url", DURABLE, indirect=True)
def test_attempts_count_over_a_restart(server: GearbridgeServer) -> None:
    fail = Failing()
    with working(server.address, mail_welcome=fail):
        handle = submit(server, "mail_welcome")
        wait_until(lambda: len(fail.tried) == 1)
        server.stop()
    server.start()
    assert is_known(server, handle)
    with working(server.address, mail_welcome=fail):
        wait_until(lambda: len(fail.tried) == 2)
        wait_until(lambda: not is_known(server, handle))
    assert fail.tried == [handle, handle]


@pytest.mark.parametrize("url", [kind for kind in DRIVERS if kind != "plain"], indirect=True)
def test_a_job_that_waited_in_the_table_is_tried_again_from_there(url: str, tmp_path: Path) -> None:
    fail, done = Failing(), list[str]()
    with GearbridgeServer(tmp_path, "--store", url, *RULE, "--window", "1") as server:
        handles = [submit(server, "mail_welcome") for _ in range(5)]
        with working(server.address, mail_welcome=fail):
            wait_until(lambda: len(fail.tried) == 5)
        with working(server.address, mail_welcome=lambda job: done.append(job.handle)):
            wait_until(lambda: len(done) == 5)
        wait_until(lambda: server.admin("status") == ["mail_welcome\t0\t0\t0"])
    assert sorted(fail.tried) == sorted(done) == sorted(handles)


@pytest.mark.parametrize("place", [kind for kind in DRIVERS if kind != "plain"], indirect=True)
def test_what_failed_for_good_is_kept_over_restarts_and_can_be_done_once_more(place: Place, tmp_path: Path) -> None:
    fail, done = Failing(), list[str]()
    with GearbridgeServer(tmp_path, "--store", place.url, *RULE) as server:
        with working(server.address, other=fail, plain=fail):
            handle, forgotten = submit(server, "other"), submit(server, "plain")
            wait_until(lambda: (row_of(place, handle) or {}).get("state") == FAILED)
            wait_until(lambda: row_of(place, forgotten) is None)
        server.kill()
        server.start()
        assert not is_known(server, handle)
        row = row_of(place, handle)
        assert row is not None
        assert (row["function"], row["attempts"], bytes(row["payload"])) == ("other", 1, b"payload")
        assert "no such user" in row["error"]
        assert row["finished"] is not None
        # As gman_retry does.
        place.run(f"UPDATE gearbridge_job SET state = {WAITING}, attempts = 0, finished = NULL WHERE state = {FAILED}")
        with working(server.address, other=lambda job: done.append(job.handle)):
            wait_until(lambda: done == [handle])
            wait_until(lambda: row_of(place, handle) is None)


@pytest.mark.parametrize("place", ["postgresql", "mariadb", "mysql"], indirect=True)
def test_any_node_tries_it_again(place: Place, tmp_path: Path) -> None:
    fail, done = Failing(), list[str]()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        NodeServer(tmp_path / "a", place.url, "a", *RULE) as first,
        NodeServer(tmp_path / "b", place.url, "b", *RULE) as second,
    ):
        with working(first.address, mail_welcome=fail):
            handle = submit(first, "mail_welcome")
            wait_until(lambda: fail.tried == [handle])
        with working(second.address, mail_welcome=lambda job: done.append(job.handle)):
            wait_until(lambda: done == [handle])
        wait_until(lambda: not is_known(first, handle))
