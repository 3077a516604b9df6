"""The store's thread: one commit group at a time, written once for all stores.

Rules of this file:
1. A group that fails is tried again one operation at a time, so that one bad job fails alone.
2. While the store cannot be reached a group is tried again and again, until its jobs have waited long enough and are
   refused. Nothing needs a restart, and nothing is acknowledged that was not written.
3. An end or an attempt that cannot be written is kept and goes first in the next try; the worker is not punished.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

from gearbridge.core.timing import Histogram
from gearbridge.errors import StoreError, StoreFenced, StoreUnavailable
from gearbridge.records import Done, Drop, Failed, Operation, Progress, Put, Retry

from .errands import Errand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gearbridge.stores.base import Store

    Applied = Callable[[Sequence[Operation], dict[int, str]], None]
    Outcome = tuple[list[Operation], dict[int, str]]

_log = logging.getLogger(__name__)

#: Seconds between two tries: the first, and the longest, to which they double.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
#: Upper bounds for counting commit groups by their operations.
GROUP_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


def apply_group(store: Store, kept: list[Operation], group: Sequence[Operation]) -> Outcome:
    """Apply what was kept from before and a group; return what is to be kept now, and the failed Puts by index.

    Raises StoreUnavailable when that is why it failed, some of it may have been applied then; and StoreFenced.
    """
    try:
        store.apply([*kept, *group])
    except (StoreUnavailable, StoreFenced):
        raise
    except StoreError as error:
        _log.warning("a commit group of %d failed, trying its parts: %s", len(kept) + len(group), error)
    else:
        return [], {}
    still_kept = [left for operation in kept if (left := _alone(store, operation)) is not None]
    errors: dict[int, str] = {}
    for index, operation in enumerate(group):
        if not isinstance(operation, Put):
            left = _alone(store, operation)
            if left is not None:
                still_kept.append(left)
        elif (failure := _failure(store, operation)) is not None:
            errors[index] = failure
    return still_kept, errors


def _alone(store: Store, operation: Operation) -> Operation | None:
    """Apply an end or attempt by itself; return what is to be kept for the next time."""
    failure = _failure(store, operation)
    if failure is None or isinstance(operation, Progress):  # the next progress tells more
        return None
    if not isinstance(operation, (Done, Retry, Failed)):
        return operation
    # A job whose end the database will never take, a result too large for it, say, has failed: that end it does take.
    why = failure.encode("ascii", "backslashreplace").decode()
    plain = Failed(operation.handle, None, f"its end could not be written: {why}")
    return plain if _failure(store, plain) is not None else None


def refuse(kept: Sequence[Operation], group: Sequence[Operation], why: str) -> Outcome:
    """Give up on a group for now: its Puts fail, its ends and attempts are kept.

    A refused Put may have been written all the same, when the connection broke at the commit; so a Drop is kept too.
    """
    errors = {index: why for index, operation in enumerate(group) if isinstance(operation, Put)}
    ends = [Drop(operation.job.handle) if isinstance(operation, Put) else operation for operation in group]
    return [*kept, *ends], errors


def _failure(store: Store, operation: Operation) -> str | None:
    try:
        store.apply([operation])
    except (StoreUnavailable, StoreFenced):
        raise
    except StoreError as error:
        return str(error)
    return None


class Committer:
    """Owns the thread. `done` is called in that thread with each group and its failed Puts.

    `patience` is how many seconds a group waits for a store that cannot be reached before its jobs are refused.
    `trouble` says why the store cannot be reached, and is None while it can. `sizes` and `seconds` count the groups by
    their operations and by how long they took, tries again included.
    """

    def __init__(self, store: Store, done: Applied, patience: float) -> None:
        self.trouble: str | None = None
        self.sizes = Histogram(GROUP_SIZES)
        self.seconds = Histogram()
        self._store = store
        self._done = done
        self._patience = patience
        self._groups: queue.SimpleQueue[Sequence[Operation] | Errand | None] = queue.SimpleQueue()
        self._kept: list[Operation] = []
        self._given = self._finished = 0  # groups and errands: whether the thread has something to do
        self._held: list[Errand] | None = None  # errands that wait for whoever asks the store meanwhile
        self._stopping = threading.Event()
        self._trouble_since = 0.0
        self._thread = threading.Thread(target=self._run, name="committer")

    @property
    def kept(self) -> int:
        """How many ends and attempts could not be written so far and will be tried again."""
        return len(self._kept)

    def start(self) -> None:
        """Begin to take groups."""
        self._thread.start()

    def apply(self, group: Sequence[Operation]) -> None:
        """Hand over a group; call again only after `done`."""
        self._given += 1
        self._groups.put(group)

    def run_errand(self, errand: Errand) -> None:
        """Have the store asked something else, in turn with the groups."""
        if self._held is not None:
            self._held.append(errand)
            return
        self._given += 1
        self._groups.put(errand)

    @property
    def is_idle(self) -> bool:
        """Whether the thread asks nothing of the store, nor will before it is told to."""
        return self._given == self._finished and not self._kept and self._held is None

    def hold(self) -> None:
        """Somebody else asks the store now, while the thread is idle: keep errands back."""
        self._held = []

    def release(self, first: Errand | None = None) -> None:
        """Nobody does any more; run what was kept back, after a first errand."""
        held, self._held = self._held or (), None
        for errand in (first, *held):
            if errand is not None:
                self.run_errand(errand)

    def count(self, operations: int, seconds: float) -> None:
        """A group of so many operations took so long."""
        self.seconds.observe(seconds)
        self.sizes.observe(operations)

    def forget_kept(self) -> None:
        """Give up on the ends that could not be written. To be called in the committer's thread, by an errand."""
        self._kept.clear()

    def stop(self) -> None:
        """Write what was handed over, then end the thread. What is kept gets one more try."""
        self._stopping.set()
        self._groups.put(None)
        self._thread.join()
        if self._kept:
            _log.error("%d ends of jobs could not be written; these jobs will run again", len(self._kept))

    def _run(self) -> None:
        while True:
            try:
                group = self._groups.get(timeout=LONGEST_PAUSE if self._kept else None)
            except queue.Empty:
                group = ()
            if isinstance(group, Errand):
                group.carry_out()
                self._finished += 1
                continue
            errors: dict[int, str] = {}
            if group or self._kept:
                begin = time.monotonic()
                self._kept, errors = self._apply(group or ())
                self.count(len(group or ()), time.monotonic() - begin)
            if group is None:
                return
            if group:
                self._finished += 1
                self._done(group, errors)

    def _apply(self, group: Sequence[Operation]) -> Outcome:
        begin = time.monotonic()
        pause = FIRST_PAUSE
        while True:
            try:
                outcome = apply_group(self._store, self._kept, group)
            except StoreUnavailable as error:
                self._note_trouble(str(error))
                # Without a group there is nobody to wait for: the next try is the thread's next round.
                if not group or time.monotonic() - begin >= self._patience or self._stopping.is_set():
                    return refuse(self._kept, group, f"the store cannot be reached: {error}")
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except StoreFenced as error:
                _log.warning("%d operations were not written: %s", len(self._kept) + len(group), error)
                return [], refuse((), group, str(error))[1]
            except Exception:
                # A store must raise StoreError. Whatever else comes must not end the thread: clients would wait for
                # ever.
                _log.exception("the store failed in an unexpected way")
                return refuse(self._kept, group, "internal error")
            else:
                self._note_recovery()
                return outcome

    def _note_trouble(self, why: str) -> None:
        if self.trouble is None:
            self._trouble_since = time.monotonic()
            _log.error("the store cannot be reached, background jobs wait: %s", why)
        self.trouble = why

    def _note_recovery(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            _log.warning("the store is back after %.1f s", time.monotonic() - self._trouble_since)
