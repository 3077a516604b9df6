"""Group commit between a journal and the committer: one group at a time, for a job server and for a bridge.

While a group is being applied the next one gathers. Connections that submit faster than the store commits are paused.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Protocol, cast

from gearbridge.core.pending_reply import NO_ANSWER
from gearbridge.process.rate_limited_log import RateLimitedLog

from .single_put import SinglePuts
from .store_thread import Committer
from .table_lookups import TableLookups

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from gearbridge.core.engine import Engine
    from gearbridge.core.journal import Journal
    from gearbridge.core.signals import Signals
    from gearbridge.records import Operation, Put, StoredJob
    from gearbridge.stores.interface import SharedStore, SinglePutStore, Store, WindowedStore

_log = logging.getLogger(__name__)
_refused = RateLimitedLog(_log, logging.ERROR)

#: Bytes of a commit group at first, and at least; then what the store writes in a second, and half of what may wait.
_FIRST_GROUP = 8 << 20
_LEAST_GROUP = 1 << 20
#: Bytes that may wait at first; then what the store writes in this part of the patience, so that none of it is refused.
_FIRST_WAITING = 2 << 20
_PART_OF_PATIENCE = 0.25
#: How many of the handles and functions that an event concerns are logged as its fields.
LOGGED_HANDLES = 10


class Source(Protocol):
    """A connection that submits jobs, and can be paused."""

    def pause(self, reason: str) -> None:
        """Read no more from it."""

    def resume(self, reason: str) -> None:
        """Read from it again."""


class Owner(Protocol):
    """The owner of a journal: a job server's engine, or a bridge's relay."""

    journal: Journal

    def committed(
        self,
        group: Sequence[Operation],
        errors: Mapping[int, str],
        now: float,
        joined: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """A group was applied, but for the Puts whose index is in `errors`."""

    def record_unwritten(self, handles: frozenset[bytes]) -> None:
        """The settlements of these jobs could not be written so far."""


class GroupCommit:
    """One outstanding group at a time, of one journal: idle, or written by a single put or by the committer's thread.

    `most` is how many bytes may wait for their commit, fewer where the store is slow. `flush` is called after each
    group.
    """

    def __init__(
        self,
        owner: Owner,
        store: Store,
        patience: float,
        flush: Callable[[], None],
        most: float = math.inf,
    ) -> None:
        self.committer = Committer(store, self._applied, patience)
        self.under_way = False
        self._owner = owner
        self._journal = owner.journal
        self._store = store
        self._shared = store.traits.shared
        self._most = most
        self._patience = patience
        self._waiting = min(_FIRST_WAITING, most)  # bytes over which connections are paused
        self._group_bytes = min(_FIRST_GROUP, most / 2)
        self._begun = 0.0
        self._flush = flush
        self._paused: list[Source] = []
        self._loop: asyncio.AbstractEventLoop
        self._single_puts: SinglePuts | None = None
        self._signals: Signals | None = None
        self._lookups: TableLookups | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to commit."""
        self._loop = loop
        self.committer.start()
        if self._store.traits.prompt:
            self._single_puts = SinglePuts(cast("SinglePutStore", self._store), self.committer, loop, self._written)

    def answer_lookups(self, engine: Engine) -> None:
        """Have the store's table answer this engine's lookups, behind the groups."""
        self._signals = engine.signals
        store = cast("WindowedStore", self._store)
        self._lookups = TableLookups(engine, store, self.committer, self._flush)

    def see_to(self, source: Source | None = None) -> None:
        """Schedule a commit of pending operations; pause `source` if too much is pending."""
        if not self.under_way and (self._journal or (self._signals is not None and self._signals.wants_lookup)):
            # Not at once: operations from other sockets of this round of the loop join the same group.
            self.under_way = True
            self._loop.call_soon(self._begin)
        if self._journal.size > self._waiting and source is not None:
            source.pause("journal")
            self._paused.append(source)

    def refused(self, jobs: Sequence[StoredJob]) -> None:
        """Log jobs that the store did not write in time, and read from paused connections again."""
        _log_refused(jobs, f"the store cannot be reached: {self.committer.trouble or NO_ANSWER}")
        self._resume()

    def _begin(self) -> None:
        group = self._journal.take_group(self._group_bytes)
        self._begun = time.monotonic()
        if group and (self._single_puts is None or not self._single_puts.begin(group)):
            self.committer.apply(group)
        if self._lookups is not None and self._signals is not None and self._signals.wants_lookup:
            self._lookups.begin(self._loop)
        self.under_way = bool(group)

    # In the committer's thread.

    def _applied(self, group: Sequence[Operation], errors: dict[int, str]) -> None:
        if not group:
            self._loop.call_soon_threadsafe(self._all_written)
            return
        joined = cast("SharedStore", self._store).take_joined() if self._shared else None
        self._loop.call_soon_threadsafe(self._committed, group, errors, joined)

    # Back in the loop.

    def _written(self, group: Sequence[Operation]) -> None:
        self._committed(group, {}, None)

    def _committed(self, group: Sequence[Operation], errors: dict[int, str], joined: dict[bytes, bytes] | None) -> None:
        if errors:
            _log_refused([cast("Put", group[index]).job for index in errors], next(iter(errors.values())))
        now = time.monotonic()
        journal = self._journal
        if journal.applying > _LEAST_GROUP:
            rate = journal.applying / max(now - self._begun, 0.001)
            self._group_bytes = max(_LEAST_GROUP, min(int(rate), self._most / 2))
            waiting = max(_LEAST_GROUP, rate * self._patience * _PART_OF_PATIENCE)
            self._waiting = min(waiting, self._most)
        self._owner.record_unwritten(self.committer.kept_handles())
        self._owner.committed(group, errors, now, joined)
        self.under_way = bool(journal)
        if self.under_way:
            self._begin()
        if self._paused:
            self._resume()
        self._flush()

    def _all_written(self) -> None:
        self._owner.record_unwritten(self.committer.kept_handles())
        self._flush()

    def _resume(self) -> None:
        if self._paused and self._journal.size <= self._waiting:
            paused, self._paused = self._paused, []
            for connection in paused:
                connection.resume("journal")


def _log_refused(jobs: Sequence[StoredJob], why: str) -> None:
    handles = [job.handle.decode("ascii", "backslashreplace") for job in jobs[:LOGGED_HANDLES]]
    functions = sorted({job.function.decode("utf-8", "backslashreplace") for job in jobs})[:LOGGED_HANDLES]
    extra = {"handles": handles, "functions": functions}
    _refused.warn("%d background jobs were refused: %s", len(jobs), why, extra=extra)
