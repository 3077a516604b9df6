"""The operations for the store, in order.

The journal gathers operations while the previous commit group is being applied; it does no I/O itself.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from gearbridge.records import Operation, Progress, Put, StoredJob, Update

if TYPE_CHECKING:
    from collections.abc import Collection

    from .jobs import Job

#: What an operation without a payload counts for, in bytes, when the journal's size is weighed.
_OPERATION_SIZE = 100


def is_settlement(operation: Operation) -> bool:
    """Return whether it ends a job, or an attempt."""
    return not isinstance(operation, (Put, Progress))


class Journal:
    """The operations of the next commit group.

    `patience` is how many seconds a Put waits for the store. To find those that wait for longer no Put has a time of
    its own: each call of `overdue` remembers how many operations there were by then.
    """

    def __init__(self, patience: float = math.inf) -> None:
        self.watched = False  # whether a tick is planned that calls `overdue`
        self._patience = patience
        self._group: list[Operation] = []  # being applied
        self._refused = 0  # so many of them, the first ones, were overdue
        self._finished = 0  # operations of all groups before
        self._marks: deque[tuple[float, int]] = deque()  # times, and how many operations had come by then
        self._operations: list[Operation] = []
        self._progress: dict[bytes, int] = {}  # where among them a job's progress is
        self.size = 0  # bytes that wait in memory for their commit, the group being applied included
        self.applying = 0  # of which in the group being applied
        self.settlements = 0  # how many there ever were: ends of jobs, and lost attempts
        self.look_at = 0.0  # at so many of them, and at each one from there on, `settling` has to look
        self._written = 0  # how many of them are durable, or forgotten
        self.oldest = math.inf  # when the first of those came, on the shell's clock; infinity: there is none
        self._since = math.inf  # when the first one came that gathers
        self._settling = 0  # how many are being applied

    def put(self, job: StoredJob, *, spilled: bool = False) -> None:
        """Keep this job, in memory too or `spilled` the window. Its size counts until its group is committed."""
        self._operations.append(Put(job, spilled))
        self.size += _OPERATION_SIZE + len(job.payload)

    def update(self, job: StoredJob) -> None:
        """The job's attempts have changed."""
        self.end(Update(job.handle, job.attempts))

    def end(self, ending: Operation) -> None:
        """A job has ended, so or so."""
        self._operations.append(ending)
        self.size += _OPERATION_SIZE
        self.settlements += 1

    @property
    def unsettled(self) -> int:
        """Number of settlements that gather or are being applied."""
        return self.settlements - self._written

    def ended_at(self, now: float) -> None:
        """Note that a job that a worker finished is among what gathers, from then on, on the shell's clock."""
        if now < self._since:
            self._since = now
            self.oldest = min(self.oldest, now)

    def progress(self, job: Job) -> None:
        """A job is further than it was. Of what gathers for one group only the last word counts."""
        place = self._progress.get(job.handle)
        if place is None:
            self._progress[job.handle] = len(self._operations)
            self._operations.append(Progress(job.handle, job.numerator, job.denominator))
            self.size += _OPERATION_SIZE
        else:
            self._operations[place] = Progress(job.handle, job.numerator, job.denominator)

    def forget(self, handles: Collection[bytes]) -> None:
        """Of what gathers, drop what is about these jobs, new jobs left aside."""
        gone = [one for one in self._operations if not isinstance(one, Put) and one.handle in handles]
        if not gone:
            return
        self._operations = [one for one in self._operations if isinstance(one, Put) or one.handle not in handles]
        self._progress.clear()  # later progress of a job goes behind its earlier progress
        self.size -= sum(map(_size_of, gone))
        self._marks = deque((when, number - len(gone)) for when, number in self._marks)
        self._written += sum(map(is_settlement, gone))
        self.look_at = 0
        if self.unsettled == self._settling:
            self._since = math.inf
            if not self._settling:
                self.oldest = math.inf

    def __bool__(self) -> bool:
        return bool(self._operations)

    def take_group(self, most: float = math.inf) -> list[Operation]:
        """Return the operations gathered so far as the commit group to apply now; call `group_done` before the next.

        What is beyond `most` bytes, and not the first operation, waits for the next group.
        """
        group = self._operations
        self.applying = self.size
        if self.size > most:
            count, self.applying = 0, 0
            while count < len(group) and (not count or self.applying + _size_of(group[count]) <= most):
                self.applying += _size_of(group[count])
                count += 1
            group, self._operations = group[:count], group[count:]
            self._settling = sum(map(is_settlement, group))
        else:
            self._operations = []
            self._settling = self.unsettled
        if self._settling == self.unsettled:
            self._since = math.inf
        self._progress.clear()
        self._group = group
        self.look_at = 0
        return group

    def group_done(self) -> int:
        """The group last taken has been applied, or has failed for good; return how many of it were overdue before."""
        self.size -= self.applying
        self.applying = 0
        self._written += self._settling
        self._settling = 0
        self.look_at = 0
        self.oldest = self._since
        self._finished += len(self._group)
        self._group = []
        refused, self._refused = self._refused, 0
        return refused

    # Patience.

    def next_look(self) -> float | None:
        """Seconds until `overdue` is to be called; None while nothing waits, or may wait for ever."""
        self.watched = bool(self._group or self._operations) and self._patience != math.inf
        if not self.watched:
            self._marks.clear()
            return None
        return look_after(self._patience)

    def overdue(self, now: float) -> list[Put]:
        """The Puts that have waited for too long, each once. They are the caller's to refuse.

        Of the group being applied they may be written all the same; others are no operations any more.
        """
        taken = self._finished + len(self._group)
        self._marks.append((now, taken + len(self._operations)))
        until = self._finished
        while self._marks and now - self._marks[0][0] >= self._patience:
            until = max(until, self._marks.popleft()[1])
        in_group = min(until, taken) - self._finished
        late = [one for one in self._group[self._refused : in_group] if isinstance(one, Put)]
        self._refused = max(self._refused, in_group)
        return late + self._withdrawn(until - taken) if until > taken else late

    def _withdrawn(self, count: int) -> list[Put]:
        """The Puts among the first of the operations that gather, which they are no more."""
        first = self._operations[:count]
        late = [one for one in first if isinstance(one, Put)]
        self._operations[:count] = [one for one in first if not isinstance(one, Put)]
        self._progress.clear()  # later progress of a job goes behind its earlier progress
        self.size -= sum(map(_size_of, late))
        self._marks = deque((when, number - len(late)) for when, number in self._marks)
        return late


def look_after(patience: float) -> float:
    """Seconds between two looks at what waits for the store for so long at most."""
    return min(1.0, max(0.05, patience / 8))


def _size_of(operation: Operation) -> int:
    return _OPERATION_SIZE + (len(operation.job.payload) if isinstance(operation, Put) else 0)
