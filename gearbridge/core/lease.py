"""The time until which this server may give out the jobs in its table.

Where several nodes share a table each has a lease of what it claimed. A server that has the table alone has it by its
session in the database, and does not know whose it is while that session is gone. Reads no clock: times are arguments.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .signals import Signals


class Lease:
    """A server that is alone needs none: it holds for ever."""

    def __init__(self, signals: Signals) -> None:
        self.until = math.inf  # on the shell's clock
        self._signals = signals

    def holds(self, now: float) -> bool:
        """Return whether claimed jobs may be given out."""
        return now <= self.until

    def lose(self) -> None:
        """It is over; nothing is given out before there is a new one."""
        self.until = -math.inf
        self._signals.lease_lost = True
