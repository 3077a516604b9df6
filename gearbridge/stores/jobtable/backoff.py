"""How long a failed job waits before it is tried again."""

from __future__ import annotations

import random

#: Seconds: the longest pause, before it is spread.
LONGEST = 3600


def pause_before(attempts: int) -> int:
    """Return whole seconds until the next try, after so many failed ones: 2, 4, 8 and so on, up to an hour.

    Each is made up to a quarter longer or shorter, so that what failed together does not come back together.
    """
    pause = min(LONGEST, 1 << min(attempts, 20))
    return max(1, round(pause * random.uniform(0.75, 1.25)))
