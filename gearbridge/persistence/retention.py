"""Deletes what is finished and has been kept long enough, a bounded number of rows at a time. One task."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError

from .store_call import ask
from .store_task import StoreTask

if TYPE_CHECKING:
    from gearbridge.stores.interface import ClaimableStore

    from .store_thread import Committer

_log = logging.getLogger(__name__)

#: Days for which finished jobs are kept by default: those that are done, and those that failed.
KEEP_DONE = 7.0
KEEP_FAILED = 30.0
#: Seconds between two looks, and until the next one where there was more than one look deletes.
EVERY = 60.0
SOON = 0.1
#: How many rows one look deletes at most of each kind: some milliseconds, for which commit groups wait.
AT_MOST = 1000

_DAY = 86_400


class Retention(StoreTask):
    """Keeps finished jobs for so many days: those that are done, with their result, and those that failed for good.

    A negative number is for ever.
    """

    def __init__(self, committer: Committer, store: ClaimableStore, done_days: float, failed_days: float) -> None:
        self._committer = committer
        self._store = store
        self._done_days = done_days
        self._failed_days = failed_days

    async def _run(self) -> None:
        while True:
            now = time.time()
            limits = (_before(now, self._done_days), _before(now, self._failed_days))
            pause = EVERY
            try:
                gone = await ask(self._committer, partial(self._store.prune, *limits, AT_MOST))
            except StoreError as error:
                _log.debug("finished jobs cannot be deleted now: %s", error)
            else:
                if gone:
                    _log.info("finished jobs deleted after their retention time: %d", gone)
                if gone >= AT_MOST:
                    pause = SOON
            await asyncio.sleep(pause)


def _before(now: float, days: float) -> int:
    """Seconds since 1970; what finished before is deleted. Nothing finished before 0."""
    return 0 if days < 0 else max(0, int(now - days * _DAY))
