"""The job table as a bridge sees it: only the functions that it is for, and one bridge at a time."""

from __future__ import annotations

import contextlib
import re
from fnmatch import translate
from typing import TYPE_CHECKING, cast

from gearbridge.errors import StoreError, StoreInUse
from gearbridge.stores.interface import LockingStore

from .config import WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gearbridge.records import ClaimedJob, Operation, RowsWaiting, StoredJob
    from gearbridge.stores.interface import ClaimableStore, OwnedStore, Traits, Wakeup


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
        self._life: bytes | None = None  # of the database, as last seen

    @property
    def traits(self) -> Traits:
        """The store's."""
        return self._store.traits

    def open(self) -> None:
        """Open the store."""
        self._store.open()

    def replay(self) -> Iterator[StoredJob]:
        """Return nothing: the jobs that a job server kept here are not a bridge's."""
        return iter(())

    def apply(self, group: Sequence[Operation]) -> None:
        """Settle."""
        try:
            self._store.apply(group)
        except StoreInUse:
            self._taken_away()
            raise

    def claim(self, claim_capacity: Mapping[bytes, int], most_bytes: int = WINDOW_BYTES) -> list[ClaimedJob]:
        """Claim what there is room for, of any function that matches."""
        try:
            wanted = {name: room for name in self.functions() if (room := claim_capacity.get(name, self._window))}
            return self._claimed(wanted, most_bytes) if wanted else []
        except StoreInUse:
            self._taken_away()
            raise

    def own(self) -> int:
        """The store's, where that is owned by a session."""
        return cast("OwnedStore", self._store).own()

    def locked(self, handles: Sequence[bytes]) -> set[bytes]:
        """Those of these jobs that another transaction holds."""
        return self._store.locked(handles) if isinstance(self._store, LockingStore) else set()

    def holders(self) -> str:
        """Return the sessions that hold jobs."""
        return self._store.holders() if isinstance(self._store, LockingStore) else ""

    def functions(self) -> list[bytes]:
        """The functions that match."""
        return [name for name in self._store.functions() if self._matches(name)]

    @property
    def clock_offset(self) -> float:
        """The store's."""
        return self._store.clock_offset

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        """The store's."""
        return self._store.prune(done_before, failed_before, at_most)

    def count_waiting(self, *, again: bool) -> RowsWaiting:
        """Count as the store does; of the functions that match."""
        counted = self._store.count_waiting(again=again)
        return counted._replace(functions=[one for one in counted.functions if self._matches(one.function)])

    def wakeup(self) -> Wakeup:
        """The store's."""
        return self._store.wakeup()

    def life(self) -> bytes:
        """The store's."""
        return self._store.life()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _claimed(self, wanted: Mapping[bytes, int], most_bytes: int) -> list[ClaimedJob]:
        """Claim, and note in which life of the database each row was read.

        The database may be replaced under an open connection, so it is asked behind each claim that brought something.
        """
        if self._life is None:
            self._life = self._store.life()
        jobs = self._store.claim(wanted, most_bytes)
        if jobs:
            with contextlib.suppress(StoreError):  # they are claimed: the next call raises the error
                self._life = self._store.life()
            for job in jobs:
                job.life = self._life
        return jobs
