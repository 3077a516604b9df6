"""The prefetch rate of a function where nodes share the table: a second's work, or a node's workers go idle.

Reads no clock: times are arguments.
"""

from __future__ import annotations

#: Seconds after which the pace is measured anew.
_MEASURED = 0.25
#: Claimed jobs for each worker, at least: the one it does and the next one.
_EACH = 2


class PrefetchRate:
    """Of one function on this node."""

    __slots__ = ("_ended", "_rate", "_since", "window")

    def __init__(self) -> None:
        self.window = 0  # jobs to have claimed
        self._ended = 0
        self._rate = 0.0
        self._since = 0.0

    def ended(self) -> None:
        """One more is done."""
        self._ended += 1

    def look(self, now: float, workers: int, most: int) -> None:
        """Find the window, for so many workers and at most so many jobs. `now` is in seconds."""
        seconds = now - self._since
        if seconds >= _MEASURED:
            self._rate = self._ended / seconds
            self._ended, self._since = 0, now
        self.window = min(most, max(_EACH * workers, int(self._rate)))
