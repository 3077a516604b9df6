"""A server's use of its store apart from commit groups: claims, deletion of finished jobs, its right to the table.

Which of these there are is the store's: one in memory has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gearbridge.persistence.claimer import Claimer
from gearbridge.persistence.owner_session import Ownership
from gearbridge.persistence.retention import Retention
from gearbridge.persistence.waiting_counter import WaitingCounter

from .lease_keeper import LeaseKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.core.engine import Engine
    from gearbridge.errors import StoreInUse
    from gearbridge.persistence.group_commit import GroupCommit
    from gearbridge.stores.interface import OwnedStore, SharedStore, Store, WindowedStore

    from .config import ServerConfig


class StoreTasks:
    """The tasks of one server's store. `flush` is called after changes of the engine, `taken` with a loss."""

    def __init__(
        self,
        config: ServerConfig,
        engine: Engine,
        store: Store,
        commits: GroupCommit,
        flush: Callable[[], None],
        taken: Callable[[StoreInUse], None],
    ) -> None:
        self._engine = engine
        self._flush = flush
        self._claimer: Claimer | None = None
        self._retention: Retention | None = None
        self._counter: WaitingCounter | None = None
        self._lease: LeaseKeeper | None = None
        self._ownership: Ownership | None = None
        traits = store.traits
        committer = commits.committer
        if traits.claimable:
            table = cast("WindowedStore", store)
            commits.answer_lookups(engine)
            self._claimer = Claimer(engine, committer, table, flush)
            self._retention = Retention(committer, table, config.keep_done, config.keep_failed)
            self._counter = WaitingCounter(committer, table, engine.recount)
        if traits.shared:
            self._lease = LeaseKeeper(engine, committer, cast("SharedStore", store), config.lease, flush)
        if traits.owned:
            owned = cast("OwnedStore", store)
            self._ownership = Ownership(committer, owned, engine.suspend, self._resume, taken)

    async def start(self) -> None:
        """Begin; the committer takes calls by now."""
        if self._claimer is not None:
            self._claimer.start()
        if self._retention is not None:
            self._retention.start()
        if self._counter is not None:
            self._counter.start()
        if self._lease is not None:
            await self._lease.start()
        if self._ownership is not None:
            await self._ownership.start()

    async def stop(self) -> None:
        """End them, in the order in which they began."""
        for task in (self._claimer, self._retention, self._counter, self._lease, self._ownership):
            if task is not None:
                await task.stop()

    @property
    def nodes_removed(self) -> int:
        """Number of nodes that this one has removed because their lease was over."""
        return 0 if self._lease is None else self._lease.removed

    def wake_claimer(self) -> None:
        """Claim again: there is room, or a function has its first worker."""
        if self._claimer is not None:
            self._claimer.wake()

    def doubt(self) -> None:
        """Find out whether the table is this server's still: the engine's lease is over."""
        if self._lease is not None:
            self._lease.lost()
        if self._ownership is not None:
            self._ownership.doubt()

    def _resume(self, until: float) -> None:
        self._engine.resume(until)
        self._flush()
