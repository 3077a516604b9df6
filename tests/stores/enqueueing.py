"""What SQL does to the job table, without the SQL functions, so that it is the same in every database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from gearbridge.stores.jobtable.schema import DONE, FAILED, WAITING, job
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from gearbridge import Job

    from .place import Place


def enqueue(place: Place, *rows: dict[str, Any]) -> None:
    """What the SQL functions do, in short."""
    usual = {
        "function": "f",
        "unique_key": "",
        "priority": 1,
        "payload": b"",
        "due": 0,
        "attempts": 0,
        "reducer": "",
        "enqueued": None,
        "finished": None,
    }
    with place.connect() as connection:
        connection.execute(insert(job), [{**usual, "state": WAITING, **row} for row in rows])
        if place.kind == "postgresql":
            connection.exec_driver_sql("NOTIFY gearbridge")


def row_of(place: Place, handle: str) -> dict[str, Any] | None:
    with place.connect() as connection:
        row = connection.execute(select(job).where(job.c.handle == handle)).mappings().one_or_none()
    return dict(row) if row else None


def handles_in(place: Place) -> set[str]:
    """The handles of all rows."""
    with place.connect() as connection:
        return set(connection.execute(select(job.c.handle)).scalars())


def check_a_failing_job(place: Place, servers: str) -> None:
    """A job that fails is tried again, by a worker of these servers, and is then kept with its error."""
    times: list[float] = []

    def fail(_job: Job) -> None:
        times.append(time.monotonic())
        raise ValueError("no disk")

    with working(servers, f=fail):
        enqueue(place, {"handle": "S:1", "max_attempts": 2})
        wait_until(lambda: (row_of(place, "S:1") or {}).get("state") == FAILED)
    row = row_of(place, "S:1")
    assert row is not None
    assert (row["attempts"], len(times)) == (2, 2)
    assert "no disk" in row["error"]
    assert times[1] - times[0] >= 0.9  # a pause, in whole seconds


def check_that_finished_jobs_go(place: Place, keeping: Callable[..., AbstractContextManager[object]]) -> None:
    """What was kept long enough is deleted, and nothing else. `keeping` runs a server or a bridge with options."""
    day, now = 86_400, int(time.time())
    enqueue(
        place,
        *({"handle": f"S:old{number}", "state": DONE, "finished": now - 3 * day} for number in range(1500)),
        {"handle": "S:done", "state": DONE, "finished": now - day},
        {"handle": "S:failed", "state": FAILED, "finished": now - 3 * day},
        {"handle": "S:long ago", "state": FAILED, "finished": now - 5 * day},
        {"handle": "S:waiting"},
    )
    with keeping("--keep-done", "2", "--keep-failed", "4"):
        wait_until(lambda: handles_in(place) == {"S:done", "S:failed", "S:waiting"})
    with keeping("--keep-done", "-1", "--keep-failed", "0"):
        wait_until(lambda: handles_in(place) == {"S:done", "S:waiting"})
