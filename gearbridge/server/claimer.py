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

from .errands import ask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from gearbridge.core.engine import Engine
    from gearbridge.records import ClaimedJob
    from gearbridge.stores.base import ClaimableStore

    from .committer import Committer

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

#: Seconds after which the table is looked into although nobody rang.
POLL = 1.0
#: Seconds until the next try after the store failed.
AFTER_FAILURE = 0.5
#: So many looks in a row that found something: there is work, and nobody needs to ring. So many rings in a row for
#: nothing: they ring for what nobody here does.
_ENOUGH = 2


class Claimant(Protocol):
    """Who the jobs are for: a job server's engine, or a bridge's relay."""

    def rooms(self) -> Mapping[bytes, int] | None:
        """How many jobs of each function to claim; None while none is of use. Who then has room calls `wake`."""

    def claimed(self, jobs: Iterable[ClaimedJob]) -> None:
        """Take them; the rows are the claimant's to settle."""


class EngineClaimant:
    """A job server's engine, which is told the time with what it gets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.rooms = engine.rooms

    def claimed(self, jobs: Iterable[ClaimedJob]) -> None:
        """Take them, now."""
        self._engine.queue.now = time.monotonic()
        self._engine.claimed(jobs)


class Claimer:
    """Keeps the claimant in jobs. `flush` is called after it was given some.

    `trouble` says why the table could not be looked into when that was last tried, None where it could.
    """

    def __init__(
        self, claimant: Claimant, committer: Committer, store: ClaimableStore, flush: Callable[[], None]
    ) -> None:
        self.trouble: str | None = None
        self._claimant = claimant
        self._committer = committer
        self._store = store
        self._flush = flush
        self._doorbell = store.doorbell()
        self._thread = ThreadPoolExecutor(1, "doorbell")  # the doorbell's calls block
        self._hungry = asyncio.Event()
        self._armed = False
        self._ring: asyncio.Future[bool] | None = None  # somebody waits at the door
        self._found = 0  # looks in a row that found something
        self._missed = 0  # rings in a row for nothing
        self._pause = self._doorbell.first_pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """There is room for jobs that were of no use before."""
        self._hungry.set()

    async def stop(self) -> None:
        """Claim nothing more. What is in hand stays in the table until it is settled."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._doorbell.interrupt()
        with contextlib.suppress(StoreError):
            await self._taken_ring()
        await self._on_thread(self._doorbell.close)
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            self._hungry.clear()
            rooms = self._claimant.rooms()
            if rooms is None:
                await self._hungry.wait()
                continue
            try:
                await self._look(rooms)
            except StoreError as error:
                if self.trouble is None:
                    _log.warning("jobs that SQL enqueued cannot be claimed now: %s", error)
                self.trouble, self._armed = str(error), False
                await self._rest(AFTER_FAILURE)
            except Exception:
                # A doorbell must raise StoreError. Whatever else comes must not end the claiming for good.
                _log.exception("claiming failed in an unexpected way")
                await self._rest(AFTER_FAILURE)
            else:
                self.trouble = None

    async def _look(self, rooms: Mapping[bytes, int]) -> None:
        """Claim once; where nothing is to be had, see to it that we hear of the next job, and wait."""
        jobs = await ask(self._committer, partial(self._store.claim, rooms))
        if jobs:
            self._claimant.claimed(jobs)
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
