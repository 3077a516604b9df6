"""A commit group that is one job, and nothing else to do: written from the event loop, without a hand-over to a thread.

A client that submits one job at a time waits for each commit, and a sixth of that time is the hand-over to the
committer's thread and back. So where the store supports it, the loop sends the job itself and polls the database's
socket for the answer. The loop never waits. On any error the event loop passes the group to the committer's thread,
which retries it from the start; the thread also waits for an answer that takes long.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from gearbridge.records import Put

from .store_call import StoreCall

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from gearbridge.records import Operation
    from gearbridge.stores.interface import SinglePutStore

    from .store_thread import Committer

_log = logging.getLogger(__name__)

#: Seconds, at most twice as many, until the thread waits for the answer.
PATIENCE = 0.5


class SinglePuts:
    """One at a time. `done` is called with the group that is written."""

    def __init__(
        self,
        store: SinglePutStore,
        committer: Committer,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[Sequence[Operation]], None],
    ) -> None:
        self._store = store
        self._committer = committer
        self._loop = loop
        self._done = done
        self._group: Sequence[Operation] = ()  # on its way
        self._descriptor = -1
        self._since = 0.0
        self._is_watched = False

    def begin(self, group: Sequence[Operation]) -> bool:
        """Send the group on its way, if it is such a one and the store has nothing else to do; whether it is."""
        put = group[0]
        if len(group) != 1 or not isinstance(put, Put) or not self._committer.is_idle:
            return False
        try:
            descriptor = self._store.begin_put(put)
        except Exception:
            _log.exception("unexpected error of the store")
            return False
        if descriptor is None:
            return False
        self._group, self._descriptor, self._since = group, descriptor, time.monotonic()
        self._committer.hold()
        self._loop.add_reader(descriptor, self._look)
        if not self._is_watched:
            self._is_watched = True
            self._loop.call_later(PATIENCE, self._watch)
        return True

    def _look(self) -> None:
        try:
            written = self._store.put_ended()
        except Exception:
            # Whatever it is must not be the end: a client waits.
            _log.exception("unexpected error of the store")
            written = False
        if written is not None:
            self._loop.remove_reader(self._descriptor)
            self._committer.release()
            self._end(written)

    def _watch(self) -> None:
        # One timer for thousands of jobs.
        if self._group and time.monotonic() - self._since >= PATIENCE:
            self._loop.remove_reader(self._descriptor)
            self._committer.release(StoreCall(self._store.wait_for_put, self._waited))
            self._is_watched = False
        elif self._group:
            self._loop.call_later(PATIENCE, self._watch)
        else:
            self._is_watched = False

    def _waited(self, outcome: Any) -> None:
        # In the committer's thread: what the store returned, or its error.
        self._loop.call_soon_threadsafe(self._end, outcome is True)

    def _end(self, written: bool) -> None:
        group, self._group = self._group, ()
        if written:
            self._committer.count(1, time.monotonic() - self._since)
            self._done(group)
        else:
            self._committer.apply(group)
