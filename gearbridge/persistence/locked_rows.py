"""What is to be written to jobs that other transactions hold: it is kept out of the commit groups, so that none waits.

Beside that it notes for the committer that the store is full.
It is tried again on its own, as soon as the rows are free, in the order in which it came.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gearbridge.records import Operation, Put
from gearbridge.stores.interface import LockingStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.stores.interface import Store

_log = logging.getLogger(__name__)

#: Seconds between two looks whether rows are free: the first, and the longest, to which they double.
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
#: Seconds between two lines about it in the log.
_SAY_AGAIN = 60.0


class LockedRows:
    """Operations that wait for rows. It asks the store, and so belongs to the committer's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store if isinstance(store, LockingStore) else None
        self._operations: list[Operation] = []
        self._handles: set[bytes] = set()
        self._lost: set[bytes] = set()
        self._pause = _FIRST_PAUSE
        self._next = 0.0
        self._since = self._said = 0.0
        self.full: tuple[str, int] | None = None  # the error of a full store, and the largest size that had no room

    def __len__(self) -> int:
        return len(self._operations)

    @property
    def is_due(self) -> bool:
        """Return whether it is time to look again."""
        return bool(self._operations) and time.monotonic() >= self._next

    def sift(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        """Leave out what is set aside, and what comes after it for the same jobs, which then is set aside too.

        What is to be written to lost jobs is left out for good.
        """
        if not self._handles and not self._lost:
            return operations
        rest: list[Operation] = []
        for one in operations:
            if isinstance(one, Put) or not (one.handle in self._handles or one.handle in self._lost):
                rest.append(one)
            elif one.handle not in self._lost and not any(one is known for known in self._operations):
                self._operations.append(one)
        return rest

    def note_full(self, why: str, size: int = 0) -> None:
        """Note that the store has no room for something of this size."""
        self.full = why, max(size, self.full[1] if self.full else 0)

    def find(self, operations: Sequence[Operation]) -> bool:
        """Look which of these meet a row that somebody holds; whether there is one that `sift` leaves out now.

        Raises StoreUnavailable where all rows are held.
        """
        if self._store is None:
            return False
        handles = {one.handle for one in operations if not isinstance(one, Put)}
        found = self._store.locked(list(handles)) - self._handles
        if found:
            self.add(found)
        return bool(found)

    def add(self, handles: set[bytes]) -> None:
        """Set aside what is to be written to these jobs."""
        now = time.monotonic()
        if not self._handles:
            self._since, self._said = now, -_SAY_AGAIN
            self._pause = _FIRST_PAUSE
            self._next = now + self._pause
        self._handles |= handles
        self._say(now)

    def take_free(self) -> list[Operation]:
        """Return what can be written now. It is no longer set aside; what cannot be written goes to `put_back`."""
        assert self._store is not None
        locked = self._store.locked(list(self._handles))
        free: list[Operation] = [
            one for one in self._operations if not isinstance(one, Put) and one.handle not in locked
        ]
        now = time.monotonic()
        self._pause = _FIRST_PAUSE if free else min(2 * self._pause, _LONGEST_PAUSE)
        self._next = now + self._pause
        self._operations = [one for one in self._operations if not any(one is other for other in free)]
        self._handles &= locked
        if self._handles:
            self._say(now)
        else:
            _log.warning("the locked rows are free again after %.1f s", now - self._since)
        return free

    def put_back(self, operations: Sequence[Operation]) -> None:
        """These could not be written after all."""
        self._operations[:0] = operations
        self._handles |= {one.handle for one in operations if not isinstance(one, Put)}

    def lose(self, handles: frozenset[bytes]) -> None:
        """Write nothing more to these jobs, which are another node's, until `lost_is_known`."""
        self._lost |= handles
        self._handles -= handles
        self._operations = [one for one in self._operations if isinstance(one, Put) or one.handle not in handles]

    def lost_is_known(self, handles: frozenset[bytes]) -> None:
        """Let what comes about these jobs pass again: it was given by an engine that knows that it has them no more."""
        self._lost -= handles

    def forget(self) -> None:
        """Give up on all of it: the jobs are others' now."""
        self._operations.clear()
        self._handles.clear()

    def _say(self, now: float) -> None:
        if self._store is not None and now - self._said >= _SAY_AGAIN:
            self._said = now
            held = self._store.holders() or "a transaction that this role may not see"
            _log.warning("the ends of %d jobs wait for rows that are locked by: %s", len(self._handles), held)
