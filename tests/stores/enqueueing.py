"""What SQL does to the job table, without the SQL functions, so that it is the same in every database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from gearbridge.stores.schema import FAILED, WAITING, job
from tests.fixtures.processes import wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
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
