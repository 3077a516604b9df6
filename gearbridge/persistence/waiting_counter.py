"""Counts what waits in the job table, for whoever shows it: a job server or a bridge. One task.

What is new is counted every second. A pass over the whole table, which finds what other sessions have changed, is paid
for with pauses: 20 times as long as it took, and up to 100 times where it takes long. So a table of some thousand rows
is counted each second, and one of ten million takes less than a hundredth of the database's time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError
from gearbridge.process.out_of_memory import end_process

from .store_call import ask
from .store_task import StoreTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.records import RowsWaiting
    from gearbridge.stores.interface import ClaimableStore

    from .store_call import StoreThread

_log = logging.getLogger(__name__)

#: Seconds between two counts of what is new, and between two slices of one.
_PAUSE = 1.0
_BREATH = 0.01
#: Pauses, in times of what was spent: for a short pass, and for one that takes a second or longer.
_LEAST, _MOST = 20.0, 100.0
#: Seconds that a slice costs at most: a database that was stopped for a while has not worked for us meanwhile.
_DEAREST = 0.5
#: Seconds of pauses that may be owed before the next slice waits.
_OWED = 5.0


class WaitingCounter(StoreTask):
    """The task that has the store count. `apply` is called with each count, and since when all of it was counted."""

    def __init__(
        self, committer: StoreThread, store: ClaimableStore, apply: Callable[[RowsWaiting, float | None], None]
    ) -> None:
        self._committer = committer
        self._store = store
        self._apply = apply
        self._since: float | None = None  # when the last whole pass began
        self._began: float | None = None  # and the one that is not over yet
        self._spent = 0.0  # seconds in that
        self._before = 0.0  # seconds of the slice before, in a pass
        self._price = _LEAST  # pauses for each second
        self._free_at = 0.0  # when all pauses are paid
        self._slices = 0
        self._is_large = True  # a pass takes several slices

    async def _run(self) -> None:
        while True:
            try:
                if self._is_large or not self._is_affordable():
                    await self._count_new()
                has_more = True
                while has_more and self._is_affordable():
                    has_more = await self._count(again=True)
            except StoreError as error:
                _log.debug("waiting jobs cannot be counted now: %s", error)
            except MemoryError:
                end_process()
            except Exception:
                # A store must raise StoreError. Whatever else comes must not end the counting for good.
                _log.exception("unexpected error while counting what waits")
            await asyncio.sleep(_PAUSE)

    async def _count_new(self) -> None:
        has_more = True
        while has_more:
            has_more = await self._count(again=False)
            await asyncio.sleep(_BREATH if has_more else 0.0)

    def _is_affordable(self) -> bool:
        return self._free_at - time.monotonic() <= _OWED

    async def _count(self, *, again: bool) -> bool:
        """Count a slice, of a pass or of what is new; return whether there is more."""
        is_of_pass = again or self._since is None
        if is_of_pass and self._began is None:
            self._began, self._spent, self._slices = time.monotonic(), 0.0, 0
        counted, seconds = await ask(self._committer, partial(_timed, self._store, again))
        begin = time.monotonic()
        if counted.is_whole:
            self._since, self._began = self._began, None
        self._apply(counted, self._since)
        if is_of_pass:
            # Of the quicker one of two: what a stopped database or a busy machine takes is no measure of the cost.
            self._before, seconds = seconds, min(seconds, self._before)
        seconds += time.monotonic() - begin
        if is_of_pass:
            self._spent += seconds
            self._slices += 1
        if counted.is_whole:
            self._price = min(_MOST, max(_LEAST, _MOST * self._spent))
            self._is_large = self._slices > 1
        self._free_at = max(begin, self._free_at) + seconds * self._price
        return counted.has_more


def _timed(store: ClaimableStore, again: bool) -> tuple[RowsWaiting, float]:
    """Count, in the thread that calls the store; return for how long it did, waiting for its turn not included."""
    begin = time.monotonic()
    counted = store.count_waiting(again=again)
    return counted, min(_DEAREST, time.monotonic() - begin)
