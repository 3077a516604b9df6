"""A job as a row of the job table, and a commit group as rows to insert, change and delete. It knows no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import Drop, Put, StoredJob

from .names import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.records import Operation

Row = tuple[str, str, str, int, bytes, int, int, str]

#: The columns of a stored job, in the order of `row_of`.
COLUMNS = ("handle", "function", "unique_key", "priority", "payload", "due", "attempts", "reducer")


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


def job_of(row: Sequence[object]) -> StoredJob:
    """The job that a row, in the order of COLUMNS, was made of."""
    handle, function, unique_key, priority, payload, due, attempts, reducer = row
    return StoredJob(
        handle.encode(),  # type: ignore[attr-defined]  # rows come untyped from a driver; the schema says what they are
        from_text(function),  # type: ignore[arg-type]
        bytes(payload),  # type: ignore[call-overload]
        from_text(unique_key),  # type: ignore[arg-type]
        priority,  # type: ignore[arg-type]
        due,  # type: ignore[arg-type]
        attempts,  # type: ignore[arg-type]
        from_text(reducer),  # type: ignore[arg-type]
    )


class Steps:
    """A group sorted into rows to insert, attempts to set and handles to delete, to be done in that order.

    Only the order of operations on one handle has a meaning. A handle that is put again after it was dropped begins
    new steps, so it ends as the group says.
    """

    def __init__(self) -> None:
        self.puts: dict[str, Row] = {}
        self.attempts: dict[str, int] = {}
        self.drops: dict[str, None] = {}

    @classmethod
    def of(cls, group: Sequence[Operation]) -> Iterator[Steps]:
        """The group's steps; mostly one."""
        steps = cls()
        for operation in group:
            if isinstance(operation, Put):
                handle = operation.job.handle.decode()
                if handle in steps.drops:
                    yield steps
                    steps = cls()
                steps.puts.setdefault(handle, row_of(operation.job, handle))
            elif isinstance(operation, Drop):
                steps.drops[operation.handle.decode()] = None
            else:
                steps.attempts[operation.handle.decode()] = operation.attempts
        yield steps
