"""A job server that claims from the table it keeps its own jobs in: one suite for every database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gearbridge.stores.jobtable.schema import DONE
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

from .enqueueing import check_a_failing_job, check_that_finished_jobs_go, enqueue, row_of
from .place import DRIVERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job

    from .place import Place

pytestmark = pytest.mark.parametrize("place", [kind for kind in DRIVERS if kind != "plain"], indirect=True)


@pytest.fixture
def server(place: Place, tmp_path: Path) -> Iterator[GearbridgeServer]:
    with GearbridgeServer(tmp_path, "--store", place.url) as server:
        yield server


def test_what_sql_enqueued_is_done_and_gone(place: Place, server: GearbridgeServer) -> None:
    done: list[bytes] = []
    enqueue(place, *({"handle": f"S:{number}", "payload": b"%d" % number} for number in range(2500)))
    with working(server.address, f=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 2500)
        enqueue(place, {"handle": "S:late", "payload": b"late"})
        wait_until(lambda: done[-1] == b"late")
        wait_until(lambda: row_of(place, "S:late") is None)
    assert done[:-1] == [b"%d" % number for number in range(2500)]


def test_jobs_without_a_worker_here_stay_in_the_table_until_one_comes(place: Place, server: GearbridgeServer) -> None:
    done: list[str] = []
    enqueue(place, {"handle": "S:1", "function": "nobodys"}, {"handle": "S:2"})
    with working(server.address, f=lambda job: done.append(job.handle)):
        wait_until(lambda: done == ["S:2"])
        wait_until(lambda: sorted(server.admin("status")) == ["f\t0\t0\t1", "nobodys\t1\t0\t0"])
        with working(server.address, nobodys=lambda job: done.append(job.handle)):
            wait_until(lambda: done == ["S:2", "S:1"])


def test_a_handle_answers_status_while_the_job_runs(place: Place, server: GearbridgeServer) -> None:
    told: list[object] = []

    def ask(job: Job) -> None:
        job.send_status(3, 4)
        wait_until(lambda: (row_of(place, "S:1") or {}).get("numerator") == 3)
        told.append(server.admin("show jobs"))

    with working(server.address, f=ask):
        enqueue(place, {"handle": "S:1"})
        wait_until(lambda: bool(told))
    assert told == [["S:1\t0\t0\t1"]]


def test_a_result_is_kept(place: Place, server: GearbridgeServer) -> None:
    with working(server.address, f=lambda job: job.payload[::-1]):
        enqueue(place, {"handle": "S:1", "payload": b"abc", "keep_result": 1})
        wait_until(lambda: (row_of(place, "S:1") or {}).get("state") == DONE)
    row = row_of(place, "S:1")
    assert row is not None
    assert bytes(row["result"]) == b"cba"


def test_a_failing_job_is_tried_again_and_then_kept_with_its_error(place: Place, server: GearbridgeServer) -> None:
    check_a_failing_job(place, server.address)


def test_what_was_in_hand_when_the_server_was_killed_is_done_after_its_restart(
    place: Place, server: GearbridgeServer
) -> None:
    done: list[str] = []
    enqueue(place, *({"handle": f"S:{number}"} for number in range(3)))

    def hang(_job: Job) -> None:
        wait_until(lambda: server.process is None)

    with working(server.address, f=hang):
        wait_until(lambda: server.admin("status") == ["f\t3\t1\t1"])
        server.kill()
    server.start()
    with working(server.address, f=lambda job: done.append(job.handle)):
        wait_until(lambda: sorted(done) == ["S:0", "S:1", "S:2"])
        wait_until(lambda: row_of(place, "S:2") is None)


def test_a_job_is_done_at_its_time(place: Place, server: GearbridgeServer) -> None:
    done: list[float] = []
    due = int(time.time()) + 2
    with working(server.address, f=lambda _job: done.append(time.time())):
        enqueue(place, {"handle": "S:1", "due": due})
        wait_until(lambda: bool(done))
    assert done[0] >= due


def test_finished_jobs_are_deleted_after_their_time(place: Place, tmp_path: Path) -> None:
    store = place.store()
    store.open()
    store.close()
    check_that_finished_jobs_go(place, lambda *options: GearbridgeServer(tmp_path, "--store", place.url, *options))
