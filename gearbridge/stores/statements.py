"""The job table's plain statements, in SQLAlchemy's words, for any database that it speaks to."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, text

from gearbridge.records import ENQUEUED

from .rows import CLAIM_COLUMNS, COLUMNS
from .schema import KEPT, WAITING, job

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


class Waiting(NamedTuple):
    """What may be claimed of a function: so many at most of the first that are ready, and of those due soon."""

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
CLAIM = (
    select(*(job.c[name] for name in CLAIM_COLUMNS), job.c.id)
    .where(job.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(job.c.id)
)
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
