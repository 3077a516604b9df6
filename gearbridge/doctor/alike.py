"""What is asked of every database in the same words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

#: What findings of the database are about.
ABOUT = "database"
#: Seconds that two clocks may differ before due times surprise somebody.
_CLOCKS = 2.0


def jobs_finding(waiting: int, failed: int, taken: bool | None) -> Finding:
    """Whether somebody takes the jobs that wait; `taken`: a server or a bridge has the table, None where unknown."""
    who = f"; {'a' if taken else 'no'} server or bridge has the table" if taken is not None else ""
    remedy = "start gearbridge server --store with this database's URL, or gearbridge bridge --database"
    text = f"jobs that SQL enqueued: {waiting} wait, {failed} failed{who}"
    return Finding(ABOUT, taken is not False or not waiting, text, remedy)


def clock_finding(ask: Callable[[], float]) -> Finding:
    """Whether the clocks agree; `ask` returns the database's, in seconds since 1970."""
    before = time.time()
    there = ask()
    difference = abs(there - (before + time.time()) / 2)
    text = f"the clocks here and there differ by {difference:.1f} s"
    return Finding(ABOUT, difference <= _CLOCKS, text, "set them (NTP): jobs with a due time run so much off")
