"""Claims what SQL enqueued, for a job server that keeps its own jobs there, or for a bridge. One task, none per job.

It claims before it waits: the table is the truth, the doorbell a hint, and behind the hint it looks every second.
While there is work it does not listen, so that those who enqueue need not ring.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gearbridge.errors import StoreError
from gearbridge.process.out_of_memory import end_process

from .store_call import ask
from .store_task import StoreTask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from gearbridge.records import ClaimedJob
    from gearbridge.stores.interface import ClaimableStore

    from .store_thread import Committer

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

#: Seconds after which the table is polled without a wake-up.
POLL = 1.0
#: Seconds until the next try after the store failed.
AFTER_FAILURE = 0.5
#: So many polls in a row that found something: there is work, and no notification is needed. So many notifications in
#: a row for nothing: they are about functions without workers here.
_ENOUGH = 2


class Claimant(Protocol):
    """The receiver of claimed jobs: a job server's engine, or a bridge's relay."""

    def claim_capacity(self) -> Mapping[bytes, int] | None:
        """Return how many jobs of each function to claim; None for none. When there is capacity again, call `wake`."""

    def capacity_in_bytes(self) -> int:
        """Return how many bytes of payload to claim; at least one job is, whatever its size."""

    def claimed(self, jobs: Iterable[ClaimedJob], now: float) -> None:
        """Add claimed jobs; the rows are the claimant's to settle. `now` is on a clock that never steps."""


class Claimer(StoreTask):
    """The task that claims jobs for a claimant. `flush` is called after each claim.

    `trouble` is the error of the last query of the table, None after a success.
    """

    def __init__(
        self, claimant: Claimant, committer: Committer, store: ClaimableStore, flush: Callable[[], None]
    ) -> None:
        self.trouble: str | None = None
        self._claimant = claimant
        self._committer = committer
        self._store = store
        self._flush = flush
        self._doorbell = store.wakeup()
        self._thread = ThreadPoolExecutor(1, "doorbell")  # the doorbell's calls block
        self._hungry = asyncio.Event()
        self._armed = False
        self._ring: asyncio.Future[bool] | None = None  # somebody waits at the door
        self._found = 0  # looks in a row that found something
        self._missed = 0  # rings in a row for nothing
        self._pause = self._doorbell.first_pause

    def wake(self) -> None:
        """There is room for jobs that were of no use before."""
        self._hungry.set()

    async def stop(self) -> None:
        """Claim nothing more. Claimed rows stay in the table until they are settled."""
        await super().stop()
        self._doorbell.interrupt()
        with contextlib.suppress(StoreError):
            await self._taken_ring()
        await self._on_thread(self._doorbell.close)
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            self._hungry.clear()
            claim_capacity = self._claimant.claim_capacity()
            if claim_capacity is None:
                await self._hungry.wait()
                continue
            try:
                await self._look(claim_capacity)
            except StoreError as error:
                if self.trouble is None:
                    _log.warning("jobs that SQL enqueued cannot be claimed now: %s", error)
                self.trouble, self._armed = str(error), False
                await self._rest(AFTER_FAILURE)
            except MemoryError:
                end_process()
            except Exception:
                # A doorbell must raise StoreError. Whatever else comes must not end the claiming for good.
                _log.exception("unexpected error while claiming jobs")
                await self._rest(AFTER_FAILURE)
            else:
                self.trouble = None

    async def _look(self, claim_capacity: Mapping[bytes, int]) -> None:
        """Claim once; where there is nothing to claim, arm the wake-up and wait."""
        jobs = await ask(
            self._committer, partial(self._store.claim, claim_capacity, self._claimant.capacity_in_bytes())
        )
        if jobs:
            self._claimant.claimed(jobs, time.monotonic())
            self._flush()
            self._found += 1
            self._missed, self._pause = 0, self._doorbell.first_pause
            if self._found >= _ENOUGH:
                await self._disarm()
            return
        self._found = 0
        if not self._armed:
            self._armed = await self._on_thread(self._doorbell.arm)
            if not self._armed:
                await self._pause_longer()
            return  # armed: look once more, for what was committed before
        if await self._rung():
            self._missed += 1
            if self._missed > _ENOUGH:
                await self._disarm()
                await self._pause_longer()

    async def _rung(self) -> bool:
        """Wait for the doorbell, for room, or until it is time to look again."""
        if self._ring is None:
            self._ring = asyncio.ensure_future(self._on_thread(self._doorbell.wait, POLL))
        hungry: asyncio.Future[Any] = asyncio.ensure_future(self._hungry.wait())
        ring: asyncio.Future[Any] = self._ring
        try:
            await asyncio.wait([ring, hungry], return_when=asyncio.FIRST_COMPLETED)
        finally:
            hungry.cancel()
        return await self._taken_ring() if self._ring.done() else False

    async def _disarm(self) -> None:
        if self._ring is not None:
            self._doorbell.interrupt()
            await self._taken_ring()
        if self._armed:
            self._armed = False
            await self._on_thread(self._doorbell.disarm)

    async def _taken_ring(self) -> bool:
        ring, self._ring = self._ring, None
        return ring is not None and await ring

    async def _pause_longer(self) -> None:
        await self._rest(self._pause)
        self._pause = min(self._pause * 2, self._doorbell.longest_pause)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hungry.wait()

    def _on_thread(self, call: Callable[..., _T], *arguments: object) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
