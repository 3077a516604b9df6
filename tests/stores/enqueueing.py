"""What SQL does to the job table, without the SQL functions, so that it is the same in every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from gearbridge.stores.schema import WAITING, job

if TYPE_CHECKING:
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
