"""Log lines about jobs that were taken from their workers because they took longer than CAN_DO_TIMEOUT allows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gearbridge.process.rate_limited_log import RateLimitedLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gearbridge.core.signals import TimeOut

_log = logging.getLogger(__name__)
_warnings = RateLimitedLog(_log)


def log_timeouts(late: Iterable[TimeOut]) -> None:
    """Log these time-outs, at a limited rate: workers choose their time-outs themselves."""
    for job in late:
        _warnings.warn(
            "job %s (function %s) was taken from its worker %s (%s), which did not end it within its time-out of %g s",
            job.handle.decode("ascii", "backslashreplace"),
            _quoted(job.function),
            job.address,
            _quoted(job.client_id),
            job.seconds,
        )


def _quoted(name: bytes) -> str:
    # Names come from workers: as a literal, no line end or escape sequence of theirs gets into the log.
    return repr(name.decode("utf-8", "backslashreplace"))
