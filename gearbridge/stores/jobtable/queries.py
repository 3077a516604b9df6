"""The job table's plain statements, and writing a group or a trial with them.

They are SQLAlchemy's own, for any database that it speaks to.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, or_, select, text

from gearbridge.errors import StoreError
from gearbridge.records import ENQUEUED

from ..database.errors import TAKEN
from .rows import CLAIM_COLUMNS, COLUMNS, CONTENT, SETTLED
from .schema import KEPT, WAITING, job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .batch import Steps
    from .rows import Row

#: How many rows are fetched at a time on replay.
REPLAY_ROWS = 1000
REPLAY = (
    select(*(job.c[name] for name in COLUMNS), job.c.id)
    .where(job.c.id > bindparam("after"), job.c.state == KEPT)
    .order_by(job.c.id)
    .limit(REPLAY_ROWS)
)
#: Seconds: what falls due within them is claimed already, and waits in the server, which is precise about it.
CLAIM_AHEAD = 15
#: How many rows are fetched at a time in a claim: SQLite takes so many parameters.
CLAIM_ROWS = 1000

#: Bytes of the payload of a trial, at least.
LEAST_TRIAL = 65_536
#: Pages that SQLite keeps in memory during a trial: it writes all others to the disk before the transaction ends.
_FEW_PAGES = 8


class Waiting(NamedTuple):
    """The claimable jobs of a function: so many at most of the first that are ready, and of those due soon."""

    ready: Select[Any]
    due: Select[Any]


def waiting(is_of_function: ColumnElement[bool]) -> Waiting:
    """Both statements, for a condition on the parameter `of_function` that this database has an index for."""
    of_function = select(job.c.id).where(job.c.state == WAITING, is_of_function).limit(bindparam("at_most"))
    return Waiting(
        of_function.where(job.c.due == 0).order_by(job.c.priority, job.c.id),
        of_function.where(job.c.due > 0, job.c.due <= bindparam("until")).order_by(job.c.due),
    )


FINISHED = (
    select(job.c.id)
    .where(job.c.state == bindparam("in_state"), job.c.finished < bindparam("before"))
    .order_by(job.c.finished)
    .limit(bindparam("at_most"))
)
PRUNE = job.delete().where(
    job.c.id.in_(bindparam("ids", expanding=True)),
    job.c.state == bindparam("in_state"),  # not what gman_retry has had done again in between
    job.c.finished < bindparam("before"),
)
# Literals where a partial index asks for them; one step of a walk from function to function, whatever waits in each.
NEXT_FUNCTION = [
    select(job.c.function)
    .where(text(f"state = {WAITING} AND {due}"), job.c.function > bindparam("after"))
    .order_by(job.c.function)
    .limit(1)
    for due in ("due = 0", "due > 0")
]
#: The payload of a row where it is no longer than `inline`, and its length.
_length = func.length(job.c.payload)
_inline = case((_length <= bindparam("inline"), job.c.payload))
CLAIM = (
    select(*(_inline if name == "payload" else job.c[name] for name in CLAIM_COLUMNS), _length, job.c.id)
    .where(job.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(job.c.id)
)
PAYLOADS = select(job.c.id, job.c.payload).where(job.c.id.in_(bindparam("ids", expanding=True)))
_PREFIX = ENQUEUED.decode()
_is_later = (job.c.due > 0).label("is_later")
#: What waits and came over a socket. The range, not LIKE, is what every database compares byte by byte.
BACKLOG = (
    select(job.c.function, job.c.priority, _is_later, func.count())
    .where(
        job.c.state == WAITING, or_(job.c.handle < _PREFIX, job.c.handle >= _PREFIX[:-1] + chr(ord(_PREFIX[-1]) + 1))
    )
    .group_by(job.c.function, job.c.priority, _is_later)
)
FIND = select(job.c.handle, job.c.function, job.c.priority, job.c.due).where(
    job.c.handle.in_(bindparam("handles", expanding=True)), job.c.state == WAITING
)


def write(connection: Connection, group: list[Steps]) -> None:
    """Write a group's steps in one transaction."""
    with connection.begin():
        for steps in group:
            for state, puts in steps.inserts():
                _insert(connection, state, puts)
            if steps.attempts:
                connection.execute(
                    job.update()
                    .where(job.c.handle == bindparam("of_handle"))
                    .values(attempts=bindparam("to_attempts"), numerator=None, denominator=None),
                    [{"of_handle": handle, "to_attempts": count} for handle, count in steps.attempts.items()],
                )
            for handle, values in steps.settled.items():
                changed = {name: value for name, value in zip(SETTLED, values, strict=True) if value is not None}
                connection.execute(
                    job.update().where(job.c.handle == handle, job.c.state.in_((KEPT, WAITING))).values(**changed)
                )
            if steps.drops:
                connection.execute(job.delete().where(job.c.handle.in_(list(steps.drops))))


def _insert(connection: Connection, state: int, puts: Mapping[str, Row]) -> None:
    content = select(job.c.handle, *(job.c[name] for name in CONTENT)).where(job.c.handle.in_(list(puts)))
    present = {row.handle: tuple(row[1:]) for row in connection.execute(content)}
    for handle, there in present.items():
        named = dict(zip(COLUMNS, puts[handle], strict=True))
        if there != tuple(named[name] for name in CONTENT):
            raise StoreError(TAKEN)
    missing = [dict(zip(COLUMNS, row, strict=True)) for handle, row in puts.items() if handle not in present]
    if missing:
        connection.execute(job.insert().values(state=state), missing)


def try_room(connection: Connection, size: int = LEAST_TRIAL) -> None:
    """Write a row with a payload of `size` bytes and roll it back; raises what the driver raises, see `is_full`."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        pages = connection.exec_driver_sql("PRAGMA cache_size").scalar()
        connection.rollback()
        connection.exec_driver_sql(f"PRAGMA cache_size = {_FEW_PAGES}")
        connection.rollback()
    try:
        with connection.begin() as transaction:
            connection.execute(job.insert().values(_row(size)))
            transaction.rollback()
    finally:
        if is_sqlite:
            connection.exec_driver_sql(f"PRAGMA cache_size = {pages}")
            connection.rollback()


def _row(size: int) -> dict[str, object]:
    return {
        "handle": f"trial:{secrets.token_hex(16)}",
        "function": "",
        "unique_key": "",
        "priority": 0,
        "payload": os.urandom(size),  # which no database makes smaller
        "due": 0,
        "attempts": 0,
        "reducer": "",
        "state": KEPT,
    }
