"""Warnings that strangers can cause, and so must not fill the log: one in a while, with how many there were."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

#: Seconds between two warnings of a kind.
PAUSE = 10.0


class Seldom:
    """One kind of warning, for one log."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._silent_until = 0.0
        self._kept_back = 0

    def warn(self, text: str, *args: object) -> None:
        """Log this, or count it where the last one was a moment ago."""
        now = monotonic()
        if now < self._silent_until:
            self._kept_back += 1
            return
        if self._kept_back:
            text, args = f"{text} (and %d like it before)", (*args, self._kept_back)
        self._silent_until = now + PAUSE
        self._kept_back = 0
        self._log.warning(text, *args)
