"""One reading for all who watch, and the last two minutes of it.

However many functions and viewers there are, reading takes a small part of the event loop's time.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .text import shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gearbridge.core.snapshot import FunctionSnapshot

    from .monitor import Monitor

#: Seconds between two points of a sparkline, and how many points there are.
PAUSE = 2.0
POINTS = 60
#: Functions with a sparkline: the first that had jobs. More cost memory, and would not be looked at.
REMEMBERED = 1000
#: A reading is used for a second, or for so many times as long as it took.
_FRESH = 1.0
_SHARE = 50

_SORTS: dict[str, Callable[[FunctionSnapshot], float]] = {
    "waiting": lambda one: sum(one.queued) + one.later,
    "running": lambda one: one.running,
    "workers": lambda one: one.workers,
    "oldest": lambda one: one.oldest or 0.0,
    "completed": lambda one: one.completed,
    "failed": lambda one: one.failed,
}
SORTS = ("name", *_SORTS)


class Page(NamedTuple):
    """Some of the functions; `matching` is how many the search found, `total` how many there are."""

    functions: list[FunctionSnapshot]
    matching: int
    total: int


class Totals(NamedTuple):
    """All functions together."""

    waiting: int
    running: int
    completed: int
    failed: int
    idle_functions: int


class CachedMonitor:
    """The monitor's snapshots, read at most once a second."""

    def __init__(self, seen: Monitor) -> None:
        self.seen = seen
        self._functions: list[FunctionSnapshot] = []
        self._stale_at = 0.0
        self._history: dict[bytes, deque[tuple[int, int]]] = {}  # waiting, and completed so far
        self._throughput: deque[int] = deque(maxlen=POINTS)

    @contextlib.asynccontextmanager
    async def remembering(self) -> AsyncIterator[None]:
        """Add a point to every sparkline, again and again, while the block runs."""
        task = asyncio.create_task(self._remember())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def functions(self) -> list[FunctionSnapshot]:
        """All functions, not older than a second or so."""
        now = time.monotonic()
        if now >= self._stale_at:
            self._functions = self.seen.functions()
            took = time.monotonic() - now
            self._stale_at = now + max(_FRESH, took * _SHARE)
        return self._functions

    def totals(self) -> Totals:
        """All functions together."""
        functions = self.functions()
        forgotten = self.seen.forgotten()
        return Totals(
            sum(sum(one.queued) + one.later for one in functions),
            sum(one.running for one in functions),
            sum(one.completed for one in functions) + forgotten.completed,
            sum(one.failed for one in functions) + forgotten.failed,
            sum(1 for one in functions if one.lacks_workers),
        )

    def page(self, search: str, sort: str, limit: int, offset: int) -> Page:
        """The functions whose name contains `search`, letters of either case: by name, or the largest figure first."""
        functions = found = self.functions()
        if search:
            wanted = search.lower()
            found = [one for one in functions if wanted in shown(one.name).lower()]
        if sort == "name":
            best = heapq.nsmallest(offset + limit, found, key=lambda one: one.name)
        else:
            figure = _SORTS[sort]
            best = heapq.nsmallest(offset + limit, found, key=lambda one: (-figure(one), one.name))
        return Page(best[offset:], len(found), len(functions))

    def sparks(self, name: bytes) -> tuple[list[int], list[int]]:
        """The last points of a function: jobs that waited, and jobs completed in each step."""
        points = list(self._history.get(name, ()))
        return [waiting for waiting, _ in points], [b[1] - a[1] for a, b in pairwise(points)]

    def throughput(self) -> list[float]:
        """Jobs completed a second by all functions, in each step."""
        points = list(self._throughput)
        return [max(0, b - a) / PAUSE for a, b in pairwise(points)]

    async def _remember(self) -> None:
        while True:
            self._add_point()
            await asyncio.sleep(PAUSE)

    def _add_point(self) -> None:
        history = self._history
        functions = self.functions()
        self._throughput.append(self.totals().completed)
        for one in functions:
            points = history.get(one.name)
            if points is None:
                if len(history) >= REMEMBERED or not one.submitted:
                    continue
                points = history[one.name] = deque(maxlen=POINTS)
            points.append((sum(one.queued) + one.later, one.completed))
        if len(history) > len(functions):
            known = {one.name for one in functions}
            self._history = {name: points for name, points in history.items() if name in known}
