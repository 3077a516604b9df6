"""The status by unique key from SQL: whoever knows the key sees the job, and who waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gearbridge import Client
from tests.fixtures.postgres import value
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge.client.job import Job
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.postgres import Session

ROW = "SELECT row_to_json(s) FROM gman_status_by_unique_key(%s) AS s"


def test_a_job_is_followed_by_its_key(direct: Session, shared_job_server: JobServer) -> None:
    going, finish = threading.Event(), threading.Event()

    def slow(job: Job) -> bytes:
        job.send_status(1, 4)
        going.set()
        assert finish.wait(PATIENCE)
        return b"done"

    def wait_for_it() -> None:
        with Client(shared_job_server.address) as client:
            results.append(client.do("slow_by_key", "x", "a key"))

    results: list[bytes] = []
    gone = {"known": False, "running": False, "numerator": 0, "denominator": 0, "percentage": None}
    assert value(direct, ROW, "a key") == {**gone, "waiting_clients": 0}
    threads = [threading.Thread(target=wait_for_it, daemon=True) for _ in range(2)]
    with working(shared_job_server.address, slow_by_key=slow):
        for thread in threads:
            thread.start()
        assert going.wait(PATIENCE)
        running = {"known": True, "running": True, "numerator": 1, "denominator": 4, "percentage": 25}
        wait_until(lambda: value(direct, ROW, "a key") == {**running, "waiting_clients": 2})
        finish.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert results == [b"done", b"done"]
    wait_until(lambda: not value(direct, "SELECT known FROM gman_status_by_unique_key('a key')"))


def test_a_null_key_gives_a_row_of_nulls(direct: Session) -> None:
    assert direct.execute("SELECT * FROM gman_status_by_unique_key(NULL)").fetchall() == [(None,) * 6]
