"""The job table as a bridge sees it: only the functions that it is for, and one bridge at a time."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

from gearbridge.errors import StoreInUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gearbridge.records import ClaimedJob, Operation, StoredJob
    from gearbridge.stores.base import Abilities, ClaimableStore, Doorbell


class BridgedTable:
    """A store, for the functions whose names match a pattern, at most `window` jobs of each that is not asked for.

    `taken_away` is called, in the calling thread, when another server or bridge has the table.
    """

    def __init__(
        self, store: ClaimableStore, patterns: Sequence[str], window: int, taken_away: Callable[[], None]
    ) -> None:
        self._store = store
        self._matches = re.compile("|".join(map(translate, patterns)).encode()).match
        self._window = window
        self._taken_away = taken_away

    @property
    def abilities(self) -> Abilities:
        """The store's."""
        return self._store.abilities

    def open(self) -> None:
        """Open the store."""
        self._store.open()

    def replay(self) -> Iterator[StoredJob]:
        """What a job server kept here is not a bridge's."""
        return iter(())

    def apply(self, group: Sequence[Operation]) -> None:
        """Settle."""
        try:
            self._store.apply(group)
        except StoreInUse:
            self._taken_away()
            raise

    def claim(self, rooms: Mapping[bytes, int]) -> list[ClaimedJob]:
        """Claim what there is room for, of any function that matches."""
        try:
            wanted = {name: room for name in self.functions() if (room := rooms.get(name, self._window))}
            return self._store.claim(wanted) if wanted else []
        except StoreInUse:
            self._taken_away()
            raise

    def functions(self) -> list[bytes]:
        """The functions that match."""
        return [name for name in self._store.functions() if self._matches(name)]

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        """The store's."""
        return self._store.prune(done_before, failed_before, at_most)

    def doorbell(self) -> Doorbell:
        """The store's."""
        return self._store.doorbell()

    def close(self) -> None:
        """Close the store."""
        self._store.close()
