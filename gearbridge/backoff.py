"""The pause before a failed job is tried again, defined once for the core and the stores. Knows no clock, no chance."""

from __future__ import annotations

from zlib import crc32

#: Seconds: the longest pause, before it is spread.
_LONGEST = 3600


def pause_before(handle: bytes, attempts: int) -> int:
    """Return whole seconds until the next try, after so many failed ones: 2, 4, 8 and so on, up to an hour.

    Each is made up to a quarter longer or shorter, by the job's handle: what failed together does not come back
    together, and the core and a store that compute the pause of one job agree.
    """
    pause = min(_LONGEST, 1 << min(attempts, 20))
    spread = 0.75 + crc32(b"%d %b" % (attempts, handle)) / (1 << 33)
    return max(1, round(pause * spread))
