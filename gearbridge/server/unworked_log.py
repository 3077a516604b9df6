"""Log lines about functions whose jobs wait and that have no worker: when that begins, and when it is over."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

from gearbridge.core.unworked import PAUSE, NobodyWorks, Unworked
from gearbridge.process.rate_limited_log import RateLimitedLog

#: Lines of a kind in each ten seconds.
_BURST = 5

_log = logging.getLogger(__name__)


class UnworkedLog:
    """The looks of one server, each some seconds after the last one, while the block of this context manager runs."""

    def __init__(self, unworked: Unworked) -> None:
        self._unworked = unworked
        self._begun = RateLimitedLog(_log, burst=_BURST)
        self._over = RateLimitedLog(_log, burst=_BURST)
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._start(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(PAUSE, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for report in self._unworked.look(loop.time()):
            name = report.function.decode("utf-8", "backslashreplace")
            extra = {"functions": [name], "jobs": report.jobs, "seconds": round(report.seconds, 1)}
            if isinstance(report, NobodyWorks):
                self._begun.warn(
                    "%d jobs of function %r wait, and no worker can do them", report.jobs, name, extra=extra
                )
            elif report.jobs:
                self._over.warn(
                    "function %r has a worker again after %.0f s; %d jobs wait",
                    name,
                    report.seconds,
                    report.jobs,
                    extra=extra,
                )
            else:
                self._over.warn("no job of function %r waits any more, after %.0f s", name, report.seconds, extra=extra)
        self._start(loop)
