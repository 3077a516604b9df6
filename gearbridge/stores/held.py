"""Which rows this store has claimed and not settled yet. Claiming writes nothing, so this is all that tells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gearbridge.records import Done, Drop, Failed, Release, Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gearbridge.records import ClaimedJob, Operation


class Held:
    """Rows in hand, by handle."""

    def __init__(self) -> None:
        self._rows: dict[bytes, tuple[int, bytes]] = {}
        self._ids: set[int] = set()
        self._counts: Counter[bytes] = Counter()

    def count(self, function: bytes) -> int:
        """How many of them are of this function."""
        return self._counts[function]

    def fresh(self, ids: Iterable[int]) -> list[int]:
        """Those of the ids that are not in hand."""
        return [one for one in ids if one not in self._ids]

    def take(self, job: ClaimedJob, row: int) -> None:
        """This row is in hand from now on."""
        self._rows[job.handle] = (row, job.function)
        self._ids.add(row)
        self._counts[job.function] += 1

    def settle(self, group: Sequence[Operation]) -> None:
        """What these operations ended is in hand no more; they have been applied."""
        if not self._rows:
            return
        for operation in group:
            if isinstance(operation, (Drop, Done, Retry, Failed, Release)):
                found = self._rows.pop(operation.handle, None)
                if found is not None:
                    self._ids.discard(found[0])
                    self._counts[found[1]] -= 1
