"""From every database to each kind of job server: what SQL enqueued is done, and written back where that was asked."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gearbridge.stores.jobtable.schema import DONE, FAILED
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working
from tests.stores.enqueueing import check_a_failing_job, check_that_finished_jobs_go, enqueue, row_of
from tests.stores.place import DRIVERS
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge import Job
    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.job_server import JobServer
    from tests.stores.place import Place

pytestmark = pytest.mark.parametrize("place", [kind for kind in DRIVERS if kind != "plain"], indirect=True)


def handles(place: Place) -> list[str]:
    with place.connect() as connection:
        return list(connection.exec_driver_sql("SELECT handle FROM gearbridge_job ORDER BY handle").scalars())


def test_what_sql_enqueued_is_handed_over_and_gone(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    start_bridge(place.url, job_server.address, "--window", "300")
    enqueue(place, *({"handle": f"S:{number}", "payload": b"%d" % number} for number in range(1000)))
    wait_until(lambda: handles(place) == [])
    assert job_server.admin("status") == ["f\t1000\t0\t0"], "nobody has to be there to work"
    done: list[bytes] = []
    keys: list[str] = []
    with working(job_server.address, f=lambda job: done.append(job.payload) or keys.append(job.unique_key)):  # type: ignore[func-returns-value]
        wait_until(lambda: len(done) == 1000)
        enqueue(place, {"handle": "S:late", "payload": b"late"})
        wait_until(lambda: done[-1] == b"late")
    assert sorted(done[:-1]) == sorted(b"%d" % number for number in range(1000))
    assert keys[-1].partition("@")[0] == "S:late", "the handle is the unique key, with the database's life"


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_traces_travel_along_and_do_no_harm(
    place: Place, job_server: JobServer, start_bridge: StartBridge, follow: tuple[str, ...]
) -> None:
    enqueue(place, {"handle": "S:1", "reducer": f"\\x00{TRACE}"}, {"handle": "S:2"})
    start_bridge(place.url, job_server.address, *follow)
    told: dict[str, str] = {}
    with working(job_server.address, f=lambda job: told.update({job.unique_key.partition("@")[0]: job.traceparent})):
        wait_until(lambda: len(told) == 2)
    assert told == {"S:1": TRACE if job_server.kind == "gearbridge" else "", "S:2": ""}
    wait_until(lambda: handles(place) == [])


def test_priorities_travel_along(place: Place, job_server: JobServer, start_bridge: StartBridge) -> None:
    enqueue(place, *({"handle": f"S:{priority}", "priority": priority} for priority in (2, 1, 0)))
    start_bridge(place.url, job_server.address)
    wait_until(lambda: job_server.admin("prioritystatus") == ["f\t1\t1\t1\t0"])


def test_a_result_is_written_back(place: Place, job_server: JobServer, start_bridge: StartBridge) -> None:
    def reverse(job: Job) -> bytes:
        job.send_status(3, 4)
        job.send_data(b"data, ")
        wait_until(lambda: (row_of(place, "S:1") or {}).get("numerator") == 3)
        return job.payload[::-1]

    start_bridge(place.url, job_server.address)
    enqueue(place, {"handle": "S:1", "payload": b"abc", "keep_result": 1})
    with working(job_server.address, f=reverse):
        wait_until(lambda: (row_of(place, "S:1") or {}).get("state") == DONE)
    row = row_of(place, "S:1")
    assert row is not None
    assert (bytes(row["result"]), row["denominator"]) == (b"data, cba", 4)


def test_a_failing_job_is_tried_again_and_then_kept_with_its_error(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    start_bridge(place.url, job_server.address)
    check_a_failing_job(place, job_server.address)


def test_with_follow_a_row_stays_until_its_job_is_done(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    start_bridge(place.url, job_server.address, "--follow")
    enqueue(place, {"handle": "S:1"})
    wait_until(lambda: job_server.admin("status") == ["f\t1\t0\t0"])
    assert handles(place) == ["S:1"]
    with working(job_server.address, f=lambda _job: None):
        wait_until(lambda: handles(place) == [])


def test_jobs_wait_for_their_time(place: Place, job_server: JobServer, start_bridge: StartBridge) -> None:
    done: list[float] = []
    due = int(time.time()) + 2
    start_bridge(place.url, job_server.address)
    with working(job_server.address, f=lambda _job: done.append(time.time())):
        enqueue(place, {"handle": "S:1", "due": due})
        wait_until(lambda: bool(done))
    assert done[0] >= due


def test_only_functions_that_match(place: Place, job_server: JobServer, start_bridge: StartBridge) -> None:
    enqueue(place, *({"handle": f"S:{name}", "function": name} for name in ("mail_a", "other", "resize")))
    start_bridge(place.url, job_server.address, "--functions", "mail_*,resize")
    enqueue(place, {"handle": "S:b", "function": "mail_b"})
    wait_until(lambda: handles(place) == ["S:other"])
    assert sorted(line.split("\t")[0] for line in job_server.admin("status")) == ["mail_a", "mail_b", "resize"]


def test_sigterm_leaves_what_is_not_acknowledged(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    bridge = start_bridge(place.url, job_server.address)
    enqueue(place, {"handle": "S:1", "keep_result": 0}, {"handle": "S:2", "keep_result": 1})
    wait_until(lambda: handles(place) == ["S:2"])
    assert bridge.process.terminate() == 0
    assert handles(place) == ["S:2"]


def test_sigusr1_waits_for_the_jobs_in_hand(place: Place, job_server: JobServer, start_bridge: StartBridge) -> None:
    bridge = start_bridge(place.url, job_server.address, "--follow")
    enqueue(place, {"handle": "S:1"})
    wait_until(lambda: job_server.admin("status") == ["f\t1\t0\t0"])
    bridge.process.send_signal(signal.SIGUSR1)
    bridge.process.wait_for_stderr("claimed jobs have ended")
    enqueue(place, {"handle": "S:2"})
    with working(job_server.address, f=lambda _job: None):
        assert bridge.process.wait() == 0
    assert handles(place) == ["S:2"]


def test_a_second_bridge_goes_on_when_the_first_is_killed(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    first = start_bridge(place.url, job_server.address)
    second = start_bridge(place.url, job_server.address, active=False)
    first.kill()
    enqueue(place, {"handle": "S:1"})
    second.process.wait_for_stderr("gearbridge bridge takes")
    wait_until(lambda: handles(place) == [])
    third = start_bridge(place.url, job_server.address, active=False)
    assert third.process.terminate() == 0, "one that stands by can be stopped"


def test_a_job_that_no_packet_has_room_for_has_failed(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    start_bridge(place.url, job_server.address, "--max-packet", "2000")
    enqueue(place, {"handle": "S:1", "payload": b"x" * 3000}, {"handle": "S:2", "payload": b"x" * 1000})
    wait_until(lambda: (row_of(place, "S:1") or {}).get("state") == FAILED)
    wait_until(lambda: handles(place) == ["S:1"])
    row = row_of(place, "S:1")
    assert row is not None
    assert "over the bridge's limit" in row["error"]


def test_a_job_server_without_room_gets_the_job_later(
    place: Place, job_server: JobServer, start_bridge: StartBridge
) -> None:
    bridge = start_bridge(place.url, job_server.address)
    enqueue(place, {"handle": "S:1"})
    wait_until(lambda: handles(place) == [])
    job_server.admin("maxqueue f 1")
    enqueue(place, {"handle": "S:2"})
    bridge.process.wait_for_stderr("refuses jobs: QUEUE_ERROR")
    done: list[str] = []
    with working(job_server.address, f=lambda job: done.append(job.unique_key.partition("@")[0])):
        wait_until(lambda: handles(place) == [])
        wait_until(lambda: sorted(done) == ["S:1", "S:2"])


def test_finished_jobs_are_deleted_after_their_time(place: Place, start_bridge: StartBridge) -> None:
    @contextmanager
    def keeping(*options: str) -> Iterator[None]:
        bridge = start_bridge(place.url, "127.0.0.1:1", *options)
        yield
        assert bridge.process.terminate() == 0

    check_that_finished_jobs_go(place, keeping)
