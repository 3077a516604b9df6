"""A job as a row of the job table, and a commit group as rows to insert, change and delete. It knows no database."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gearbridge.backoff import pause_before
from gearbridge.records import ClaimedJob, Done, Failed, Progress, Release, Retry, StoredJob

from .names import from_text, to_text
from .schema import DONE, FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.records import Operation

Row = tuple[str, str, str, int, bytes, int, int, str]

#: The columns of a stored job, in the order of `row_of`.
COLUMNS = ("handle", "function", "unique_key", "priority", "payload", "due", "attempts", "reducer")

#: Columns that make a row with the same handle the same job: all that a submit sets and nothing changes before its
#: group is acknowledged.
CONTENT = ("function", "unique_key", "priority", "payload", "due", "reducer")

#: Few functions have many jobs: a replay reads the same names again and again.
_name = lru_cache(1024)(from_text)


def row_of(stored: StoredJob, handle: str) -> Row:
    """A job as a row, in the order of COLUMNS."""
    return (
        handle,
        to_text(stored.function),
        to_text(stored.unique_key),
        int(stored.priority),
        stored.payload,
        stored.due,
        stored.attempts,
        to_text(stored.reducer),
    )


#: What settling may change, in the order of a Settlement's values; None leaves a column as it is.
SETTLED = ("state", "attempts", "due", "error", "result", "finished", "owner", "numerator", "denominator")
UNCHANGED: tuple[None, ...] = (None,) * len(SETTLED)

#: Characters of an error that are kept; MySQL's TEXT has room for so many of four bytes, NUL written out.
_ERROR_LENGTH = 4000

Settlement = tuple[object, ...]

#: The columns of a claimed job, in the order of `claimed_of`.
CLAIM_COLUMNS = (*COLUMNS, "max_attempts", "keep_result", "enqueued")


def claimed_of(row: Sequence[Any]) -> ClaimedJob:
    """The job that a row, in the order of CLAIM_COLUMNS, was made of."""
    *stored, max_attempts, keep_result, enqueued = row
    job = ClaimedJob(*_fields_of(stored))
    job.max_attempts = max_attempts
    job.keep_result = bool(keep_result)
    job.enqueued = enqueued
    return job


def job_of(row: Sequence[Any]) -> StoredJob:
    """The job that a row, in the order of COLUMNS, was made of."""
    return StoredJob(*_fields_of(row))


def _fields_of(row: Sequence[Any]) -> tuple[bytes, bytes, bytes, bytes, int, int, int, bytes]:
    """A row in the order of COLUMNS as StoredJob's constructor takes it. Rows come untyped from a driver."""
    handle, function, unique_key, priority, payload, due, attempts, reducer = row
    return (
        handle.encode(),
        _name(function),
        bytes(payload),
        from_text(unique_key) if unique_key else b"",
        priority,
        due,
        attempts,
        from_text(reducer) if reducer else b"",
    )


def settlement_of(operation: Operation, now: int) -> Settlement:
    """Return an operation's changes of a job's row, in the order of SETTLED. `now`: seconds since 1970."""
    if isinstance(operation, Progress):
        return (*UNCHANGED[:-2], operation.numerator, operation.denominator)
    if isinstance(operation, Done):
        return (DONE, None, None, None, operation.result, now, 0, None, None)
    if isinstance(operation, Retry):
        due = now + pause_before(operation.handle, operation.attempts)
        return (None, operation.attempts, due, _error(operation.error), None, None, 0, 0, 0)
    if isinstance(operation, Release):
        return (*UNCHANGED[:-3], 0, 0, 0)
    assert isinstance(operation, Failed)
    return (FAILED, operation.attempts, None, _error(operation.error), None, now, 0, None, None)


def _error(text: str) -> str:
    return text[:_ERROR_LENGTH].replace("\0", "\\x00")
