"""This server as one of several nodes: it beats, so that its lease runs on, and when it is over begins a new one.

The lease is kept by the database's clock. This side counts from before it asks, so it gives out nothing any more when
the database lets others take over. A process that was stopped for longer finds that out before it gives out a job
(core/lease.py), and what it wants to write is refused (the store's fence).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError, StoreFenced

from .errands import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gearbridge.core.engine import Engine
    from gearbridge.records import Backlog, Limits, NodeStatus
    from gearbridge.stores.base import SharedStore

    from .committer import Committer

_log = logging.getLogger(__name__)

#: Beats in the time of one lease.
_BEATS = 6
#: What of the lease this side counts on: clocks may run unlike.
_SHARE = 0.95
#: Seconds until the next try to begin a new lease.
_AFTER_FAILURE = 0.5
#: Seconds between two counts of what waits in the table, and for how many times longer than it took there is none.
_COUNT = 1.0
_COUNT_SPARES = 20


class Membership:
    """`lease` is in seconds. `flush` is called after the engine was told something."""

    def __init__(
        self, engine: Engine, committer: Committer, store: SharedStore, lease: float, flush: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._store = store
        self._lease = lease
        self._flush = flush
        self._beat = threading.Event()  # at once
        self._stopping = False
        self._epoch = 0  # counts the leases: what was said of an earlier one is not heard
        self._troubled = False
        self._lost = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._beats, name="lease")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin, with a first beat before anybody can ask for a job."""
        self._loop = asyncio.get_running_loop()
        begin = time.monotonic()
        try:
            await self._loop.run_in_executor(None, self._store.beat, 0, 0)
        except StoreError:
            self._fenced(self._epoch)
        else:
            self._engine.renew_lease(begin + self._lease * _SHARE)
        self._thread.start()
        self._tasks = [self._loop.create_task(work()) for work in (self._keep_leased, self._keep_counted)]

    def lost(self) -> None:
        """The engine has found that its lease is over."""
        self._lost.set()

    async def stop(self) -> None:
        """Beat no more."""
        self._stopping = True
        self._beat.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    # In a thread of its own.

    def _beats(self) -> None:
        while not self._stopping:
            epoch, begin = self._epoch, time.monotonic()
            jobs, workers = self._load()
            try:
                gone = self._store.beat(jobs, workers)
            except StoreFenced:
                self._tell(self._fenced, epoch)
            except StoreError as error:
                if not self._troubled:
                    self._troubled = True
                    _log.warning("the lease cannot be renewed now: %s", error)
            except Exception:
                # A store must raise StoreError. Whatever else comes must not end the beating.
                _log.exception("beating failed in an unexpected way")
            else:
                self._troubled = False
                for name in gone:
                    _log.warning("node %s is gone: what it had in hand is free for others", name)
                self._tell(self._renewed, epoch, begin + self._lease * _SHARE)
            self._beat.wait(self._lease / _BEATS)
            self._beat.clear()

    def _load(self) -> tuple[int, int]:
        # Read while the loop may change them: for people, and for the moment.
        lifecycle = self._engine.lifecycle
        workers = {peer for function in tuple(lifecycle.queue.functions.values()) for peer in tuple(function.workers)}
        return sum(lifecycle.window.jobs), len(workers)

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)

    # In the loop.

    def _renewed(self, epoch: int, until: float) -> None:
        if epoch == self._epoch and not self._lost.is_set():
            self._engine.renew_lease(until)
            self._flush()

    def _fenced(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._engine.lose_lease()
            self._lost.set()
            self._flush()

    async def _keep_leased(self) -> None:
        while True:
            await self._lost.wait()
            _log.warning("this node's lease is over: what it had in hand is other nodes' now")
            while True:
                begin = time.monotonic()
                try:
                    await ask(self._committer, self._rejoin)
                    break
                except StoreError as error:
                    _log.debug("no new lease yet: %s", error)
                    await asyncio.sleep(_AFTER_FAILURE)
            self._epoch += 1
            self._lost.clear()
            self._engine.renew_lease(begin + self._lease * _SHARE)
            self._beat.set()
            _log.warning("this node has a new lease")
            self._flush()

    def _rejoin(self) -> None:
        """In the committer's thread. What it kept to write was of the lease before."""
        self._committer.forget_kept()
        self._store.rejoin()

    def _look(
        self, changed: Mapping[bytes, Limits]
    ) -> tuple[list[Backlog], tuple[NodeStatus, ...], dict[bytes, Limits]]:
        """In the committer's thread: what all nodes should see alike."""
        if changed:
            self._store.set_limits(changed)
        return self._store.backlog(), tuple(self._store.nodes()), self._store.limits()

    async def _keep_counted(self) -> None:
        while True:
            begin = time.monotonic()
            changed = self._engine.take_limits()
            try:
                backlog, nodes, limits = await ask(self._committer, partial(self._look, changed))
            except StoreError as error:
                _log.debug("what waits cannot be counted now: %s", error)
                self._engine.lifecycle.limits = {**changed, **self._engine.lifecycle.limits}  # the next time, then
            else:
                self._engine.recount(backlog)
                self._engine.know_limits(limits)
                self._engine.lifecycle.nodes = nodes
                self._flush()
            await asyncio.sleep(max(_COUNT, _COUNT_SPARES * (time.monotonic() - begin)))
