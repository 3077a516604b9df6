"""What waits in the job table of a bridge and is not claimed, by function, as it was counted last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gearbridge.records import RowsWaiting


class Waiting(NamedTuple):
    """The unclaimed rows of a function; `oldest` is when the oldest ready one was enqueued, in seconds since 1970."""

    waiting: int = 0
    scheduled: int = 0
    oldest: int | None = None


class WaitingTable:
    """The functions that have unclaimed rows. `since`: when all of them were counted, on a clock that never steps."""

    def __init__(self) -> None:
        self.functions: dict[bytes, Waiting] = {}
        self.since: float | None = None

    def recount(self, counted: RowsWaiting, since: float | None) -> None:
        """Apply a count of the store's."""
        self.since = since
        if counted.is_whole:
            self.functions.clear()
        for rows in counted.functions:
            *ready, scheduled = (sum(both) for both in zip(rows.enqueued, rows.spilled, strict=True))
            if any(ready) or scheduled:
                self.functions[rows.function] = Waiting(sum(ready), scheduled, rows.oldest)
            else:
                self.functions.pop(rows.function, None)
