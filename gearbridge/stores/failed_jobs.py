"""Failed jobs that the job table keeps: found, looked into, tried again, discarded. Each function needs a transaction.

Rules of this file:
1. Every change asks for the failed state once more: what was retried or discarded elsewhere is left alone.
2. A page begins behind the last job of the page before, by when they failed and by handle; nothing counts all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, LargeBinary, Text, and_, collate, func, literal, or_, select
from sqlalchemy.exc import IntegrityError

from gearbridge.records import FailedJob

from .database.column_types import MYSQL
from .jobtable.names import from_text, to_text
from .jobtable.schema import FAILED, WAITING, job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement

    from gearbridge.records import FailedQuery

_SHOWN = (
    *(job.c[name] for name in ("handle", "function", "unique_key", "priority", "attempts", "max_attempts", "error")),
    *(job.c[name] for name in ("enqueued", "enqueued_by", "finished", "reducer")),
    func.length(job.c.payload).label("size"),
)
#: What trying again sets, as gman_retry() does.
_AGAIN: dict[str, Any] = {
    "state": WAITING,
    "attempts": 0,
    "due": 0,
    "owner": 0,
    **dict.fromkeys(("error", "result", "finished", "numerator", "denominator")),
}


def find(connection: Connection, query: FailedQuery, at_most: int) -> list[FailedJob]:
    """Return the failed jobs that match, the last one first."""
    dialect = connection.dialect.name
    handle = collate(job.c.handle, "C") if dialect == "postgresql" else job.c.handle
    rows = connection.execute(
        select(*_SHOWN)
        .where(*_conditions(query, dialect, handle))
        .order_by(job.c.finished.desc(), handle.desc())
        .limit(at_most)
    )
    return [_failed(row) for row in rows]


def look(connection: Connection, handle: str) -> tuple[FailedJob, bytes] | None:
    """Return a failed job with its payload; None where there is none of this handle."""
    found = connection.execute(
        select(*_SHOWN, job.c.payload).where(job.c.handle == handle, job.c.state == FAILED)
    ).first()
    return None if found is None else (_failed(found[:-1]), bytes(found[-1]))


def retry(connection: Connection, handles: Sequence[str], payload: bytes | None = None) -> int:
    """Have these jobs tried again, with another payload if it is given; return how many have failed and now wait.

    One stays as it is where another unfinished job has its unique key.
    """
    values = _AGAIN if payload is None else {**_AGAIN, "payload": payload}
    count = 0
    for handle in handles:
        try:
            with connection.begin_nested():
                count += connection.execute(
                    job.update().where(job.c.handle == handle, job.c.state == FAILED).values(**values)
                ).rowcount
        except IntegrityError:
            continue
    return count


def discard(connection: Connection, handles: Sequence[str]) -> int:
    """Delete those of these jobs that have failed; return how many."""
    return connection.execute(job.delete().where(job.c.handle.in_(list(handles)), job.c.state == FAILED)).rowcount


def _conditions(query: FailedQuery, dialect: str, handle: ColumnElement[str]) -> Iterator[ColumnElement[bool]]:
    yield job.c.state == FAILED
    yield job.c.finished.is_not(None)
    if query.function is not None:
        yield job.c.function == to_text(query.function)
    if query.unique_key is not None:
        yield job.c.unique_key == to_text(query.unique_key)
    if query.since is not None:
        yield job.c.finished >= query.since
    if query.until is not None:
        yield job.c.finished <= query.until
        if query.after is not None:
            yield or_(job.c.finished < query.until, and_(job.c.finished == query.until, handle < query.after))
    if query.error is not None:
        error = collate(job.c.error, "utf8mb4_bin") if dialect in MYSQL else job.c.error
        yield _contains(error, literal(query.error, Text), dialect)
    if query.payload is not None:
        yield _contains(job.c.payload, literal(query.payload, LargeBinary), dialect)


def _contains(whole: ColumnElement[Any], part: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Return the condition that a text or bytes contain others, byte by byte."""
    if dialect == "postgresql":
        return func.position(part.op("IN")(whole)) > 0
    return func.instr(whole, part) > 0


def _failed(row: Sequence[Any]) -> FailedJob:
    handle, function, unique_key, priority, attempts, max_attempts, error, enqueued, enqueued_by, finished, *rest = row
    reducer, size = rest
    return FailedJob(
        handle.encode(),
        from_text(function),
        from_text(unique_key),
        priority,
        attempts,
        max_attempts,
        error or "",
        enqueued,
        enqueued_by,
        finished,
        from_text(reducer),
        size,
    )
