"""The rows that this store has claimed and not settled yet. Claiming writes nothing, so this is the only record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gearbridge.records import ENQUEUED, Done, Drop, Failed, Release, Retry

from .waiting_counts import ClaimedRow, WaitingCounts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from gearbridge.records import ClaimedJob, Operation, RowsWaiting

_PREFIX = len(ENQUEUED)


class ClaimedRows:
    """Claimed rows, by handle, and the counts of the others that wait."""

    def __init__(self) -> None:
        self._waiting = WaitingCounts()
        self._rows: dict[bytes, ClaimedRow] = {}
        self._ids: set[int] = set()
        self._counts: Counter[bytes] = Counter()

    def count(self, function: bytes) -> int:
        """Return how many of them are of this function."""
        return self._counts[function]

    def fresh(self, ids: Iterable[int]) -> list[int]:
        """Return those of the ids that are not claimed."""
        return [one for one in ids if one not in self._ids]

    @property
    def ids(self) -> list[int]:
        """Return the claimed rows."""
        return list(self._ids)

    def keep_only(self, ids: Collection[int]) -> frozenset[bytes]:
        """Forget all others; return the handles of those that were claimed."""
        gone = {handle: found for handle, found in self._rows.items() if found.row not in ids}
        for handle in gone:
            self._forget(handle)
        return frozenset(gone)

    def take(self, job: ClaimedJob, row: int) -> None:
        """Record this row as claimed."""
        by_sql = job.handle[:_PREFIX] == ENQUEUED
        claimed = ClaimedRow(row, job.function, job.priority, job.due, job.enqueued, by_sql)
        self._rows[job.handle] = claimed
        self._ids.add(row)
        self._counts[job.function] += 1
        self._waiting.claims.append(claimed)

    def settle(self, group: Sequence[Operation]) -> None:
        """Remove the rows that these operations ended; they have been applied."""
        if not self._rows:
            return
        for operation in group:
            if isinstance(operation, (Drop, Done, Retry, Failed, Release)):
                found = self._forget(operation.handle)
                if found is not None and isinstance(operation, (Retry, Release)):
                    self._waiting.given_back(found, later=isinstance(operation, Retry))

    def count_waiting(self, connection: Connection, now: int, *, again: bool) -> RowsWaiting:
        """Count a slice of the rows that wait and are not claimed. `now`: seconds since 1970."""
        return self._waiting.count(connection, self._rows.values(), now, again=again)

    def _forget(self, handle: bytes) -> ClaimedRow | None:
        found = self._rows.pop(handle, None)
        if found is not None:
            self._ids.discard(found.row)
            self._counts[found.function] -= 1
        return found
