"""A commit group as rows to insert, change and delete. Knows no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import Drop, Put, Update

from .rows import SETTLED, UNCHANGED, row_of, settlement_of
from .schema import KEPT, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.records import Operation

    from .rows import Row, Settlement


class Steps:
    """A group sorted: rows to insert, attempts to set, claimed jobs to settle and handles to delete, in that order.

    Only the order of operations on one handle has a meaning. A handle that is put again after it was dropped begins
    new steps, so it ends as in the group.
    """

    def __init__(self) -> None:
        self.puts: dict[str, Row] = {}
        self.spilled: dict[str, Row] = {}
        self.attempts: dict[str, int] = {}
        self.settled: dict[str, Settlement] = {}
        self.drops: dict[str, None] = {}

    def inserts(self) -> Iterator[tuple[int, dict[str, Row]]]:
        """The rows to insert, by their state."""
        if self.puts:
            yield KEPT, self.puts
        if self.spilled:
            yield WAITING, self.spilled

    @property
    def is_single(self) -> bool:
        """Return whether they are one row to insert, or one handle to delete."""
        one = len(self.puts) + len(self.spilled) + len(self.drops) == 1
        return one and not self.attempts and not self.settled

    @classmethod
    def of(cls, group: Sequence[Operation], now: int) -> Iterator[Steps]:
        """The group's steps; mostly one. `now` is in seconds since 1970."""
        steps = cls()
        for operation in group:
            if isinstance(operation, Put):
                handle = operation.job.handle.decode()
                if handle in steps.drops:
                    yield steps
                    steps = cls()
                (steps.spilled if operation.spilled else steps.puts).setdefault(handle, row_of(operation.job, handle))
            elif isinstance(operation, Drop):
                steps.drops[operation.handle.decode()] = None
            elif isinstance(operation, Update):
                handle = operation.handle.decode()
                steps.attempts[handle] = operation.attempts
                before = steps.settled.get(handle)
                if before is None:
                    continue
                if before[:-2] == UNCHANGED[:-2]:
                    del steps.settled[handle]  # the progress of the attempt that was lost
                else:  # the attempt before it failed, and is written behind this one
                    steps.settled[handle] = tuple(
                        operation.attempts if name == "attempts" else value
                        for name, value in zip(SETTLED, before, strict=True)
                    )
            else:
                handle = operation.handle.decode()
                before = steps.settled.get(handle, UNCHANGED)
                after = settlement_of(operation, now)
                merged = (old if new is None else new for old, new in zip(before, after, strict=True))
                steps.settled[handle] = tuple(merged)
        yield steps
