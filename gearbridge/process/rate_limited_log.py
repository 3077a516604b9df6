"""Warnings that strangers can cause, and so must not fill the log: one in a while, with how many there were."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds between two warnings of a kind.
PAUSE = 10.0


class RateLimitedLog:
    """One kind of line, for one log; at most `burst` of them in each PAUSE."""

    def __init__(self, log: logging.Logger, level: int = logging.WARNING, burst: int = 1) -> None:
        self._log = log
        self._level = level
        self._burst = burst
        self._left = burst
        self._silent_until = 0.0
        self._kept_back = 0

    def warn(self, text: str, *args: object, extra: Mapping[str, object] | None = None) -> None:
        """Log this, or count it where the last one was a moment ago."""
        now = monotonic()
        if now >= self._silent_until:
            self._left = self._burst
            self._silent_until = now + PAUSE
        if not self._left:
            self._kept_back += 1
            return
        if self._kept_back:
            text, args = f"{text} (and %d like it before)", (*args, self._kept_back)
        self._left -= 1
        self._kept_back = 0
        self._log.log(self._level, text, *args, extra=extra)

    def leave_out(self, count: int) -> None:
        """Count events that have no line of their own."""
        self._kept_back += count
