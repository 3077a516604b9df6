"""The store's thread: one commit group at a time, written once for all stores.

Rules of this file:
1. A group that fails is tried again one operation at a time (apply_group.py).
2. While the store cannot be reached a group is tried again and again, until its jobs have waited long enough and are
   refused. Nothing needs a restart, and nothing is acknowledged that was not written.
   Where another server has the store nothing is tried again: what was to be written is that one's to do.
   Where other nodes have removed this one it is written over a new lease, but for what they have taken since then.
3. What meets a row that another transaction holds is set aside, and holds up nothing else.
4. An end or an attempt that cannot be written is kept and goes first in the next try; the worker is not punished.
5. A store without room refuses what is too large for it; that ends when a trial of the largest such job succeeds.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from typing import TYPE_CHECKING

from gearbridge.core.histograms import Histogram
from gearbridge.errors import StoreError, StoreFenced, StoreFull, StoreInUse, StoreUnavailable, without_frames
from gearbridge.process.out_of_memory import end_process
from gearbridge.records import Operation, Put
from gearbridge.stores.interface import CheckedStore, FillableStore

from .apply_group import apply_group, refuse
from .locked_rows import LockedRows
from .store_call import StoreCall
from .store_trouble import StoreTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gearbridge.stores.interface import Store

    from .apply_group import Outcome

    Applied = Callable[[Sequence[Operation], dict[int, str]], None]

_log = logging.getLogger(__name__)

#: Seconds between two tries: the first, and the longest, to which they double.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
#: Seconds between two checks of an idle store that is to be checked.
CHECK_EVERY = 0.5
#: Seconds after which a silent store counts as unreachable, where groups wait for it without end; and at
#: least, where they wait for so long only.
_HANGS = 10.0
_LEAST_HANGS = 2.0
#: Seconds between two looks whether what is set aside is due.
ASIDE_PAUSE = 0.2
_NONE: frozenset[bytes] = frozenset()
#: Upper bounds for counting commit groups by their operations.
GROUP_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


class Committer:
    """The owner of the thread. `done` is called in that thread with each group and its failed Puts, and with an empty
    group when all was written that was kept from before.

    `patience` is how many seconds a group waits for a store that cannot be reached before its jobs are refused.
    `sizes` and `seconds` count the groups by their operations and by how long they took, tries again included.
    """

    def __init__(self, store: Store, done: Applied, patience: float) -> None:
        self._trouble = StoreTrouble()
        self._since: float | None = None  # when what the thread does with the store began
        self.sizes = Histogram(GROUP_SIZES)
        self.seconds = Histogram()
        self.store = store  # for store calls: only the thread may use it
        self._done = done
        self._patience = patience
        self._groups: queue.SimpleQueue[Sequence[Operation] | StoreCall | None] = queue.SimpleQueue()
        self._kept: list[Operation] = []
        self._aside = LockedRows(store)
        self._given = self._finished = 0  # groups and store calls: whether the thread has something to do
        self._held: list[StoreCall] | None = None  # store calls that wait for the current user of the store
        self._stopping = threading.Event()
        self._check = store.check if isinstance(store, CheckedStore) else None
        self.regain: Callable[[], frozenset[bytes]] | None = None  # where the store is shared: see `take_lease`
        self._thread = threading.Thread(target=self._run, name="committer")

    @property
    def trouble(self) -> str | None:
        """The error of the store; None while it is reachable and answers."""
        since = self._since
        if self._trouble.why is None and since is not None:
            seconds = time.monotonic() - since
            if seconds > (_HANGS if self._patience == math.inf else max(self._patience, _LEAST_HANGS)):
                return f"it has not answered for {seconds:.0f} s"
        return self._trouble.why

    @property
    def is_full(self) -> bool:
        """True while the store has no room on its disk."""
        return self._trouble.is_full

    @property
    def kept(self) -> int:
        """Number of settlements that could not be written so far and will be retried."""
        return len(self._kept) + len(self._aside)

    def kept_handles(self) -> frozenset[bytes]:
        """Return the handles of the jobs whose ends and attempts could not be written so far."""
        if not self._kept:
            return _NONE
        return frozenset(one.job.handle if isinstance(one, Put) else one.handle for one in tuple(self._kept))

    def start(self) -> None:
        """Begin to take groups."""
        self._thread.start()

    def apply(self, group: Sequence[Operation]) -> None:
        """Hand over a group; call again only after `done`."""
        self._given += 1
        self._groups.put(group)

    def run_call(self, call: StoreCall) -> None:
        """Call the store, in turn with the groups."""
        if self._held is not None:
            self._held.append(call)
            return
        self._given += 1
        self._groups.put(call)

    @property
    def is_idle(self) -> bool:
        """Whether the thread calls no store, nor will before its next request."""
        is_done = self._given == self._finished and self._held is None
        return is_done and not self._kept and not self._aside and not self._trouble.lacks

    def hold(self) -> None:
        """Hold store calls back while the event loop calls the store and the thread is idle."""
        self._held = []

    def release(self, first: StoreCall | None = None) -> None:
        """Resume store calls in the thread; run those that were held, after a first one."""
        held, self._held = self._held or (), None
        for call in (first, *held):
            if call is not None:
                self.run_call(call)

    def count(self, operations: int, seconds: float) -> None:
        """Count a group of so many operations that took so long."""
        self.seconds.observe(seconds)
        self.sizes.observe(operations)

    def take_lease(self) -> None:
        """Have a lease again, by `regain`, which returns the jobs that are other nodes' now: they are not written to.

        To be called in the committer's thread. Raises StoreError where there is none.
        """
        assert self.regain is not None
        lost = self.regain()
        self._aside.lose(lost)
        self._kept = list(self._aside.sift(self._kept))

    def lost_is_known(self, lost: frozenset[bytes]) -> None:
        """Write to these jobs again from now on. To be called in the committer's thread, by a store call."""
        self._aside.lost_is_known(lost)

    def hurry(self) -> None:
        """Wait no longer for a store that cannot be reached: what could not be written so far is refused or kept."""
        self._stopping.set()

    def stop(self) -> None:
        """Write what was handed over, then end the thread. What is kept gets one more try."""
        self._stopping.set()
        self._groups.put(None)
        self._thread.join()
        if self.kept:
            _log.error("%d ends of jobs could not be written; these jobs will run again", self.kept)

    def _run(self) -> None:
        idle = None if self._check is None else CHECK_EVERY
        while True:
            try:
                group = self._groups.get(timeout=self._pause(idle))
            except queue.Empty:
                group = ()
                if not self._kept and not self._trouble.lacks:
                    self._look()
            self._since = time.monotonic()
            if self._aside.is_due:
                self._write_aside()
            if self._trouble.lacks and self._trouble.is_to_be_tried:
                self._look()
            if isinstance(group, StoreCall):
                self._trouble.called(group.carry_out())
                self._since = None
                self._finished += 1
                continue
            errors: dict[int, str] = {}
            kept_before = bool(self._kept)
            if group or kept_before:
                begin = self._since
                self._kept, errors = self._apply(group or ())
                self.count(len(group or ()), time.monotonic() - begin)
            self._since = None
            if group is None:
                return
            if group:
                self._finished += 1
                self._done(group, errors)
            elif kept_before and not self._kept:
                self._done((), {})

    def _pause(self, idle: float | None) -> float | None:
        """Seconds until there is something to do though nothing is handed over; None is never."""
        if len(self._aside):
            return ASIDE_PAUSE
        return LONGEST_PAUSE if self._kept or self._trouble.lacks else idle

    def _write_aside(self) -> None:
        """Write what was set aside and can be written by now."""
        free: list[Operation] = []
        try:
            free = self._aside.take_free()
            if free:
                self._kept.extend(apply_group(self.store, (), free, self._aside)[0])
        except StoreInUse:
            self._aside.forget()
        except StoreError as error:
            self._aside.put_back(free)
            _log.debug("operations on locked rows cannot be written now: %s", error)
        except Exception:
            _log.exception("unexpected error of the store")

    def _look(self) -> None:
        """Check a store that nothing else is asked of, and whether one that was full has room."""
        trouble = self._trouble
        try:
            if self._check is not None:
                self._check()
            if trouble.lacks and isinstance(self.store, FillableStore):
                self.store.try_room(trouble.lacks)
        except StoreFull as error:
            trouble.without_room(str(error), 0)
        except StoreUnavailable as error:
            trouble.unreachable(str(error))
        except StoreError as error:
            _log.debug("whether the store has room is not known: %s", error)
        except Exception:
            # As of a group: whatever it is must not end the thread.
            _log.exception("unexpected error of the store")
        else:
            if self._check is not None or trouble.lacks:
                trouble.over()
        trouble.has_tried()

    def _apply(self, group: Sequence[Operation]) -> Outcome:
        begin = time.monotonic()
        pause = FIRST_PAUSE
        while True:
            try:
                outcome = self._apply_once(group)
            except StoreInUse as error:
                _log.warning("%d operations were not written: %s", len(self._kept) + len(group), error)
                return [], refuse((), group, str(error))[1]
            except StoreUnavailable as error:
                self._trouble.unreachable(str(without_frames(error)))
                # Without a group there is no waiter: the next try is the thread's next round.
                if not group or time.monotonic() - begin >= self._patience or self._stopping.is_set():
                    return refuse(self._kept, group, f"the store cannot be reached: {error}")
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except MemoryError:
                end_process()
            except Exception:
                # A store must raise StoreError. Whatever else comes must not end the thread: clients would wait for
                # ever.
                _log.exception("unexpected error of the store")
                return refuse(self._kept, group, "internal error")
            else:
                if self._aside.full is not None:
                    self._trouble.without_room(*self._aside.full)
                    self._aside.full = None
                elif self._trouble.why is not None:
                    self._trouble.applied()
                return outcome

    def _apply_once(self, group: Sequence[Operation]) -> Outcome:
        """Apply a group, over a new lease where the last one is over."""
        try:
            return apply_group(self.store, self._kept, group, self._aside)
        except StoreFenced as error:
            try:
                if self.regain is None:
                    raise
                self.take_lease()
                return apply_group(self.store, self._kept, group, self._aside)
            except StoreFenced:
                raise StoreUnavailable(str(error)) from error
