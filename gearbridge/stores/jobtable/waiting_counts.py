"""Counts of the rows that wait in the job table and that this store has not claimed, by function.

A table of millions of rows is counted in slices of some milliseconds, in the order of their ids: a commit group waits
for one slice at most, and no transaction is open for long. What is new since the last slice is counted once. A pass
over the whole table finds what other sessions and nodes have changed.

Rules of this file:
1. Counts cover the rows up to an id. What this store claims and gives back of them is counted at once.
2. A pass counts anew, beside the counts that are shown, and replaces them when it has come to the end.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, case, func, select

from gearbridge.records import ENQUEUED, RowsWaiting, WaitingRows

from .names import from_text
from .schema import WAITING, job, node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

#: Functions that are counted. A role that may enqueue any function could have a server hold any number of them.
_FUNCTIONS = 20_000
#: Rows of the first slice, of the smallest and of the largest one, and seconds that a slice should take.
_FIRST, _LEAST, _MOST = 10_000, 2_000, 100_000
_SECONDS = 0.03

_after = job.c.id > bindparam("after")
_LAST_OF_SLICE = select(job.c.id).where(_after).order_by(job.c.id).limit(1).offset(bindparam("rows"))
_LAST = select(func.max(job.c.id))
_by_sql = case(((job.c.handle >= ENQUEUED.decode()) & (job.c.handle < "S;"), 1), else_=0).label("by_sql")
#: 0: to be run at once; 1: later, and the time has come; 2: later.
_when = case((job.c.due == 0, 0), (job.c.due <= bindparam("now"), 1), else_=2).label("when_due")
#: Of a row that no node has, when SQL enqueued it, or the id of one that came over a socket, whose time is not kept.
#: Those that a node has are counted, for they are not done, but do not wait.
_is_free = job.c.owner.not_in(select(node.c.epoch))
_free_since = case((_is_free & (_by_sql == 1), job.c.enqueued), (_is_free, job.c.id))
_SLICE = (
    select(job.c.function, job.c.priority, _by_sql, _when, func.count(), func.min(_free_since))
    .where(_after, job.c.id <= bindparam("last"), job.c.state == WAITING)
    .group_by(job.c.function, job.c.priority, _by_sql, _when)
    .with_hint(job, "FORCE INDEX (PRIMARY)", "mysql")
    .with_hint(job, "FORCE INDEX (PRIMARY)", "mariadb")
)

_LATER = 3
#: Where the counts of what came over a socket begin, the times of the oldest that SQL enqueued, the ids of the others.
_SPILLED, _OLDEST, _OLDEST_IDS = 4, 8, 11
_SIZE = 14
#: Moments that are remembered, to know how old an id is.
_MOMENTS = 1000


def _position(priority: int, *, by_sql: bool, is_later: int) -> int:
    """Return where rows of this kind are counted."""
    return (0 if by_sql else _SPILLED) + (_LATER if is_later else priority)


class ClaimedRow(NamedTuple):
    """A row that this store has claimed. `due` is 0 for one that may run at once."""

    row: int
    function: bytes
    priority: int
    due: int
    enqueued: int | None
    by_sql: bool

    @property
    def age(self) -> int | None:
        """What `_free_since` is of this row."""
        return self.enqueued if self.by_sql else self.row


class _Counts:
    """Counts of the rows up to an id, by function: SQL's by line, those from sockets by line, the oldest times."""

    def __init__(self) -> None:
        self.last = 0
        self.functions: dict[bytes, list[int]] = {}
        self._by_text: dict[str, tuple[bytes, list[int]]] = {}  # as the table has their names

    def add_rows(self, name: str, position: int, count: int, oldest: int | None) -> bytes | None:
        """Count rows of a function by its name in the table; return its name, or None for one function too many."""
        known = self._by_text.get(name)
        if known is None:
            function = from_text(name)
            counts = self._counts_of(function)
            if counts is None:
                return None
            known = self._by_text[name] = (function, counts)
        _add(known[1], position, count, oldest)
        return known[0]

    def add(self, claimed: ClaimedRow, position: int) -> None:
        """Count a row again."""
        counts = self._counts_of(claimed.function)
        if counts is not None:
            _add(counts, position, 1, claimed.age)

    def _counts_of(self, function: bytes) -> list[int] | None:
        counts = self.functions.get(function)
        if counts is None and len(self.functions) < _FUNCTIONS:
            counts = self.functions[function] = [0] * _SIZE
        return counts

    def remove(self, claimed: ClaimedRow) -> None:
        """Count a row no more, because it is claimed. What is left of its kind came later."""
        counts = self.functions.get(claimed.function)
        if counts is None:
            return
        position = _position(claimed.priority, by_sql=claimed.by_sql, is_later=claimed.due)
        if claimed.due and not counts[position]:  # its time had come when it was counted
            position = _position(claimed.priority, by_sql=claimed.by_sql, is_later=False)
        if counts[position]:
            counts[position] -= 1
            oldest = _oldest(position)
            if oldest is not None and claimed.age is not None:
                waits = counts[position] and counts[oldest]  # else all others are other nodes'
                counts[oldest] = max(counts[oldest], claimed.age) if waits else 0

    def rows_of(self, function: bytes, moment_of: Callable[[int], int]) -> WaitingRows:
        """Return the counts of a function. `moment_of` says when an id was new."""
        counts = self.functions.get(function)
        if counts is None:
            return WaitingRows(function, (0, 0, 0, 0), (0, 0, 0, 0), None)
        times = [
            time for count, time in zip(counts[:_LATER], counts[_OLDEST:_OLDEST_IDS], strict=True) if count and time
        ]
        ids = zip(counts[_SPILLED : _SPILLED + _LATER], counts[_OLDEST_IDS:], strict=True)
        times += [moment_of(row) for count, row in ids if count and row]
        high, normal, low, later, *spilled = counts[:_OLDEST]
        return WaitingRows(
            function,
            (high, normal, low, later),
            (spilled[0], spilled[1], spilled[2], spilled[3]),
            min(times, default=None),
        )


def _add(counts: list[int], position: int, count: int, oldest: int | None) -> None:
    counts[position] += count
    slot = _oldest(position)
    if oldest is not None and slot is not None:
        counts[slot] = min(counts[slot] or oldest, oldest)


def _oldest(position: int) -> int | None:
    """Return where the age of the oldest of these rows is; None for those that are due later."""
    if position % _SPILLED == _LATER:
        return None
    return _OLDEST + position if position < _SPILLED else _OLDEST_IDS + position - _SPILLED


class WaitingCounts:
    """The counts of one store's table. Calls come from the thread that calls the store."""

    def __init__(self) -> None:
        self._shown = _Counts()
        self._pass: _Counts | None = None
        self._changed: set[bytes] = set()
        #: Claims since the last slice; each claim adds its rows.
        self.claims: list[ClaimedRow] = []
        self._rows = _FIRST  # of a slice
        self._is_whole = False  # all was counted once
        self._new: list[tuple[int, int]] = []  # the last id, and when it was seen to be that

    def count(self, connection: Connection, claimed: Iterable[ClaimedRow], now: int, *, again: bool) -> RowsWaiting:
        """Count one slice: of a pass over all rows, begun where there is none, or else of what is new."""
        self._count_claims()
        if again and self._is_whole:
            self._pass = counts = self._pass or _Counts()
        else:
            counts = self._shown
        is_last = self._count_slice(connection, counts, claimed, now)
        is_whole = is_last and (counts is self._pass or not self._is_whole)
        if is_whole:
            self._is_whole = True
            self._shown, self._pass = counts, None
            self._changed.clear()
            return RowsWaiting([counts.rows_of(name, self._moment_of) for name in counts.functions], True, False)
        if counts is self._pass or not is_last:
            return RowsWaiting([], False, True)
        changed, self._changed = self._changed, set()
        return RowsWaiting([counts.rows_of(name, self._moment_of) for name in changed], False, False)

    def _moment_of(self, row: int) -> int:
        """Return when a row of this id was there, in seconds since 1970; for one from before the start, that."""
        return self._new[min(bisect_left(self._new, (row, 0)), len(self._new) - 1)][1]

    def _note_moment(self, last: int, now: int) -> None:
        if self._new and last <= self._new[-1][0]:
            return
        if self._new and now <= self._new[-1][1]:
            self._new.pop()
        self._new.append((last, now))
        if len(self._new) > _MOMENTS:  # older ones less exactly
            self._new[: _MOMENTS // 2] = self._new[: _MOMENTS // 2 : 2]

    def _count_claims(self) -> None:
        claims, self.claims = self.claims, []
        for counts in (self._shown, self._pass):
            if counts is not None:
                for claimed in claims:
                    if claimed.row <= counts.last:
                        counts.remove(claimed)
                        self._changed.add(claimed.function)

    def given_back(self, claimed: ClaimedRow, *, later: bool) -> None:
        """Record that a claimed row waits again; `later`: not before a pause is over."""
        self._count_claims()
        position = _position(claimed.priority, by_sql=claimed.by_sql, is_later=later or claimed.due)
        for counts in (self._shown, self._pass):
            if counts is not None and claimed.row <= counts.last:
                counts.add(claimed, position)
        self._changed.add(claimed.function)

    def _count_slice(self, connection: Connection, counts: _Counts, claimed: Iterable[ClaimedRow], now: int) -> bool:
        """Count the rows behind those that are counted; return whether these were the last ones."""
        begin = time.monotonic()
        after = counts.last
        last = connection.execute(_LAST_OF_SLICE, {"after": after, "rows": self._rows - 1}).scalar()
        is_last = last is None
        if last is None:
            last = max(after, connection.execute(_LAST).scalar() or 0)
        rows = connection.execute(_SLICE, {"after": after, "last": last, "now": now}).all() if last > after else []
        for name, priority, by_sql, when, count, oldest in rows:
            position = _position(priority, by_sql=by_sql, is_later=when == 2 if by_sql else when)
            function = counts.add_rows(name, position, count, oldest)
            if counts is self._shown and function is not None:
                self._changed.add(function)
        counts.last = last
        self._note_moment(last, now)
        for one in claimed:
            if after < one.row <= last:
                counts.remove(one)
        self._adapt(time.monotonic() - begin, is_last=is_last)
        return is_last

    def _adapt(self, seconds: float, *, is_last: bool) -> None:
        if seconds > 2 * _SECONDS:
            self._rows = max(_LEAST, self._rows // 2)
        elif seconds < _SECONDS / 2 and not is_last:
            self._rows = min(_MOST, self._rows * 2)
