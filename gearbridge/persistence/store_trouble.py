"""What is wrong with a store: its log has one line when a trouble begins and one when it is over."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gearbridge.errors import StoreInUse, StoreUnavailable

if TYPE_CHECKING:
    from gearbridge.errors import StoreError

_log = logging.getLogger(__name__)

#: Bytes that there must be room for again, at least.
_LEAST_ROOM = 65_536
#: Seconds between two trials whether there is room.
_TRY_EVERY = 1.0


class StoreTrouble:
    """The trouble of one store. `why`: its error, None while it works.

    `lacks`: bytes of the largest payload that it had no room for; 0: its disk is not full.
    """

    def __init__(self) -> None:
        self.why: str | None = None
        self.lacks = 0
        self._is_away = False
        self._is_of_call = False  # found by a store call: no group has failed
        self._since = 0.0
        self._try_at = 0.0

    @property
    def is_full(self) -> bool:
        """True while it can be reached, and has no room."""
        return self.lacks > 0 and not self._is_away

    def unreachable(self, why: str) -> None:
        """The store cannot be reached."""
        if self.why is None:
            self._since = time.monotonic()
            _log.error("the store cannot be reached, background jobs are waiting: %s", why)
        self.why, self._is_away, self._is_of_call = why, True, False

    def called(self, error: StoreError | None) -> None:
        """Note the outcome of a store call: without groups to write it is the only sign of a store that is away.

        Its success says nothing where a group could not be written.
        """
        if error is None:
            if self._is_of_call:
                self.over()
        elif isinstance(error, StoreUnavailable) and not isinstance(error, StoreInUse) and self.why is None:
            self.unreachable(str(error))
            self._is_of_call = True

    def without_room(self, why: str, size: int) -> None:
        """The store has no room for something of this size."""
        if not self.lacks:
            if self.why is None:
                self._since = time.monotonic()
            self.has_tried()
            _log.error("the store is full, jobs are refused and the ends of others wait: %s", why)
        self.lacks = max(self.lacks, size, _LEAST_ROOM)
        self.why, self._is_away = why, False

    def applied(self) -> None:
        """A group was written. A full store may have had room for that, and is full all the same."""
        self._is_away = self._is_of_call = False
        if not self.lacks:
            self.over()

    def has_tried(self) -> None:
        """Whether there is room was tried just now."""
        self._try_at = time.monotonic() + _TRY_EVERY

    @property
    def is_to_be_tried(self) -> bool:
        """True when it is time to try whether a full store still is."""
        return time.monotonic() >= self._try_at

    def over(self) -> None:
        """The store works."""
        if self.why is not None:
            what = "has room" if self.lacks else "can be reached"
            _log.warning("the store %s again after %.1f s", what, time.monotonic() - self._since)
            self.why, self.lacks, self._is_away, self._is_of_call = None, 0, False, False
