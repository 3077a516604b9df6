"""The lookups that an engine has the job table answer: made in the committer's thread, behind the group before them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gearbridge.errors import StoreError

from .store_call import StoreCall

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from gearbridge.core.engine import Engine
    from gearbridge.core.pending_reply import TableLookup
    from gearbridge.records import WaitingJob
    from gearbridge.stores.interface import WindowedStore

    from .store_thread import Committer


class TableLookups:
    """The lookups of one engine. `flush` is called after each answer."""

    def __init__(self, engine: Engine, store: WindowedStore, committer: Committer, flush: Callable[[], None]) -> None:
        self._engine = engine
        self._store = store
        self._committer = committer
        self._flush = flush

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand what is to be looked up to the thread."""
        lookups = self._engine.take_table_lookups()

        def found(outcome: Any) -> None:
            loop.call_soon_threadsafe(self._answered, lookups, outcome)

        self._committer.run_call(StoreCall(partial(self._find, lookups), found))

    def _find(self, lookups: Sequence[TableLookup]) -> dict[bytes, WaitingJob]:
        # In the committer's thread. Lookups that were answered by the patience meanwhile are left out.
        handles = [lookup.handle for lookup in lookups if not lookup.is_answered]
        return self._store.find(handles) if handles else {}

    def _answered(self, lookups: Sequence[TableLookup], outcome: Any) -> None:
        self._engine.answered(lookups, str(outcome) if isinstance(outcome, StoreError) else outcome)
        self._flush()
