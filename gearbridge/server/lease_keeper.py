"""This server as one of several nodes: its heartbeat renews the lease, and it begins a new one after a loss.

The lease is kept by the database's clock. This side counts from before it asks, so it gives out nothing any more when
the database lets others take over. A process that was stopped for longer finds that out before it gives out a job
(core/gate.py), and what it wants to write is refused (the store's fence).

Rules of this file:
1. A lease that was not renewed in time may still be this node's: it gives out nothing, and forgets nothing, until the
   database's answer.
2. Where the node was removed the committer's thread has a new lease, before what waits to be written is written. It
   takes along what was not claimed meanwhile. The engine learns what others have before it gives out anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gearbridge.errors import StoreError, StoreFenced
from gearbridge.persistence.store_call import StoreCall, ask
from gearbridge.process.out_of_memory import end_process
from gearbridge.stores.interface import BEATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gearbridge.core.engine import Engine
    from gearbridge.persistence.store_thread import Committer
    from gearbridge.records import Limits, NodeStatus
    from gearbridge.stores.interface import SharedStore

_log = logging.getLogger(__name__)

#: What of the lease this side counts on: clocks may run unlike.
_SHARE = 0.95
#: Seconds until the next try to begin a new lease.
_AFTER_FAILURE = 0.5
#: Seconds between two looks at what all nodes agree on.
_LOOK = 1.0


class LeaseKeeper:
    """The renewal of this node's lease, of `lease` seconds. `flush` is called after each change of the engine."""

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
        self.removed = 0  # nodes that this one has removed because their lease was over
        self._asked = 0  # how often the committer's thread asked for a lease,
        self._known = 0  # and what of that the engine knows: an earlier beat is no proof for the jobs since
        self._troubled = False
        self._lost = asyncio.Event()
        committer.regain = self._regain
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._beats, name="lease")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin, with a first beat before anybody can ask for a job."""
        self._loop = asyncio.get_running_loop()
        begin = time.monotonic()
        try:
            self._note_removed(await self._loop.run_in_executor(None, self._store.beat, 0, 0))
        except StoreError:
            self._doubt()
        else:
            self._engine.resume(begin + self._lease * _SHARE)
        self._thread.start()
        self._tasks = [self._loop.create_task(work()) for work in (self._keep_leased, self._keep_agreed)]

    def lost(self) -> None:
        """Note that the engine has found its lease over."""
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
        load = self._engine.snapshot().load
        while not self._stopping:
            asked, begin = self._asked, time.monotonic()
            jobs, workers = load()
            try:
                gone = self._store.beat(jobs, workers)
            except StoreFenced:
                self._call_in_loop(self._doubt)
            except StoreError as error:
                if not self._troubled:
                    self._troubled = True
                    _log.warning("the lease cannot be renewed now: %s", error)
            except MemoryError:
                end_process()
            except Exception:
                # A store must raise StoreError. Whatever else comes must not end the beating.
                _log.exception("unexpected error while renewing the lease")
            else:
                self._troubled = False
                self._note_removed(gone)
                self._call_in_loop(self._renewed, asked, begin + self._lease * _SHARE)
            self._beat.wait(self._lease / BEATS)
            self._beat.clear()

    def _note_removed(self, names: list[str]) -> None:
        self.removed += len(names)
        for name in names:
            _log.warning("node %s was removed: its claimed jobs are free for other nodes", name)

    def _call_in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is no waiter any more
            self._loop.call_soon_threadsafe(call, *arguments)

    # In the loop.

    def _renewed(self, asked: int, until: float) -> None:
        if asked == self._known:
            self._engine.resume(until)
            self._lost.clear()
            self._flush()

    def _doubt(self) -> None:
        self._engine.suspend()
        self._lost.set()
        self._flush()

    def _regained_in_turn(self, *outcome: Any) -> None:
        # One turn later, behind what the committer's thread returned before, as claimed jobs, which a task takes.
        self._loop.call_soon(self._regained, *outcome)

    def _regained(self, asked: int, until: float, lost: frozenset[bytes]) -> None:
        self._engine.forget_lost_jobs(lost)
        self._known = asked
        self._engine.resume(until)
        self._lost.clear()
        self._beat.set()
        if lost:
            _log.warning("%d jobs that this node had claimed are other nodes' now", len(lost))
            known = partial(self._committer.lost_is_known, lost)
            self._committer.run_call(StoreCall(known, lambda _outcome: None))
        self._flush()

    async def _keep_leased(self) -> None:
        while True:
            await self._lost.wait()
            _log.warning("this node's lease has expired: it gives out no stored jobs until it has a new one")
            while self._lost.is_set():
                try:
                    await ask(self._committer, self._committer.take_lease)
                except StoreError as error:
                    _log.debug("no new lease yet: %s", error)
                    await asyncio.sleep(_AFTER_FAILURE)
                else:
                    await asyncio.sleep(0)  # for `_regained`
            _log.warning("this node has a new lease")

    # In the committer's thread.

    def _regain(self) -> frozenset[bytes]:
        self._asked += 1
        asked, begin = self._asked, time.monotonic()
        try:
            lost = self._store.rejoin()
        except StoreError:
            self._call_in_loop(self._doubt)
            raise
        self._call_in_loop(self._regained_in_turn, asked, begin + self._lease * _SHARE, lost)
        return lost

    def _look(self, changed: Mapping[bytes, Limits]) -> tuple[tuple[NodeStatus, ...], dict[bytes, Limits]]:
        """Read what all nodes should agree on."""
        if changed:
            self._store.set_limits(changed)
        return tuple(self._store.nodes()), self._store.limits()

    async def _keep_agreed(self) -> None:
        while True:
            changed = self._engine.take_limits()
            try:
                nodes, limits = await ask(self._committer, partial(self._look, changed))
            except StoreError as error:
                _log.debug("the nodes and their limits cannot be read now: %s", error)
                self._engine.return_limits(changed)
            else:
                self._engine.apply_limits(limits)
                self._engine.set_nodes(nodes)
                self._flush()
            await asyncio.sleep(_LOOK)
