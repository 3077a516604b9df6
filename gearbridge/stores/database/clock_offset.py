"""The offset of the database's clock from this machine's. Due times are by the database's clock, as SQL sets them.

The offset is a lower bound: the database's time, less the time at which its answer came. So nothing is early, and
nothing is late by more than one answer takes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from .clock import Clock

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Seconds after which the clocks are compared again.
_AGAIN = 10.0
#: Seconds between two measurements from which on a clock was set; less is how long an answer took.
_STEP = 2.0

_ASK = select(Clock())


class ClockOffset:
    """Of one store. `seconds` is 0 until it is measured."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._measured: float | None = None

    def now(self) -> float:
        """The time by the database's clock, in seconds since 1970."""
        return time.time() + self.seconds

    def forget(self) -> None:
        """Compare the clocks at the next occasion: another database may answer then."""
        self._measured = None

    def measure(self, connection: Connection) -> None:
        """Compare the clocks where that was long ago."""
        now = time.monotonic()
        if self._measured is not None and now - self._measured < _AGAIN:
            return
        theirs = connection.execute(_ASK).scalar_one()
        found = float(theirs) - time.time()
        is_first = self._measured is None or abs(found - self.seconds) > _STEP
        self.seconds = found if is_first else max(found, self.seconds - 0.01)
        self._measured = now
