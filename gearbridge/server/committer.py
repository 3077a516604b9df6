"""The store's thread: one commit group at a time, written once for all stores.

A group that fails is tried again one operation at a time, so that one bad job fails alone. An end or an attempt that
cannot be written is kept and goes first in the next try; the worker is not punished for it.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

from gearbridge.errors import StoreError
from gearbridge.records import Operation, Put

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gearbridge.stores.base import Store

    Done = Callable[[Sequence[Operation], dict[int, str]], None]

_log = logging.getLogger(__name__)

#: Seconds between two tries to write what was kept, while nothing else is to be written.
RETRY_PAUSE = 1.0


def apply_group(
    store: Store, kept: list[Operation], group: Sequence[Operation]
) -> tuple[list[Operation], dict[int, str]]:
    """Apply what was kept from before and a group; return what is to be kept now, and the failed Puts by index."""
    try:
        store.apply([*kept, *group])
    except StoreError as error:
        _log.warning("a commit group of %d failed, trying its parts: %s", len(kept) + len(group), error)
    else:
        return [], {}
    still_kept = [operation for operation in kept if _failure(store, operation) is not None]
    errors: dict[int, str] = {}
    for index, operation in enumerate(group):
        failure = _failure(store, operation)
        if failure is None:
            continue
        if isinstance(operation, Put):
            errors[index] = failure
        else:
            still_kept.append(operation)
    return still_kept, errors


def _failure(store: Store, operation: Operation) -> str | None:
    try:
        store.apply([operation])
    except StoreError as error:
        return str(error)
    return None


class Committer:
    """Owns the thread. `done` is called in that thread with each group and its failed Puts."""

    def __init__(self, store: Store, done: Done) -> None:
        self._store = store
        self._done = done
        self._groups: queue.SimpleQueue[Sequence[Operation] | None] = queue.SimpleQueue()
        self._kept: list[Operation] = []
        self._thread = threading.Thread(target=self._run, name="committer")

    def start(self) -> None:
        """Begin to take groups."""
        self._thread.start()

    def apply(self, group: Sequence[Operation]) -> None:
        """Hand over a group; call again only after `done`."""
        self._groups.put(group)

    def stop(self) -> None:
        """Write what was handed over, then end the thread. What is kept gets one more try."""
        self._groups.put(None)
        self._thread.join()
        if self._kept:
            _log.error("%d ends of jobs could not be written; these jobs will run again", len(self._kept))

    def _run(self) -> None:
        while True:
            try:
                group = self._groups.get(timeout=RETRY_PAUSE if self._kept else None)
            except queue.Empty:
                group = ()
            errors: dict[int, str] = {}
            if group or self._kept:
                self._kept, errors = self._apply(group or ())
            if group is None:
                return
            if group:
                self._done(group, errors)

    def _apply(self, group: Sequence[Operation]) -> tuple[list[Operation], dict[int, str]]:
        try:
            return apply_group(self._store, self._kept, group)
        except Exception:
            # A store must raise StoreError. Whatever else comes must not end the thread: clients would wait for ever.
            _log.exception("the store failed in an unexpected way")
            ends = [operation for operation in group if not isinstance(operation, Put)]
            failed = {index: "internal error" for index, operation in enumerate(group) if isinstance(operation, Put)}
            return [*self._kept, *ends], failed
