"""How many bytes a claim brings: about what the line brought lately in a second, whatever the number of jobs.

A claim reads small payloads with their rows, large ones by themselves once it is known how long they are and that they
fit. It knows no database.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from .rows import CLAIM_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Bytes that one claim may bring at first, at least and at most. What a driver and its caller hold is twice as much.
_FIRST = 4 << 20
_LEAST = 1 << 18
MOST = 16 << 20
#: Bytes that a row counts for besides its payload.
_ROW = 200
#: Rows of one statement.
_ROWS = 1000

_FUNCTION, _PAYLOAD = CLAIM_COLUMNS.index("function"), CLAIM_COLUMNS.index("payload")


class ClaimSize:
    """The size of the next claim of one store."""

    def __init__(self) -> None:
        self.limit = _FIRST
        self._average = 0  # bytes of a job, lately; 0: unknown
        self._claims = 0

    def in_turn(self, wanted: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """The functions, beginning with another one each time: what does not fit may be the first of the next claim."""
        self._claims += 1
        start = self._claims % len(wanted) if wanted else 0
        return wanted[start:] + wanted[:start]

    @contextlib.contextmanager
    def measured(self, most_bytes: int, functions: int) -> Iterator[Fit]:
        """A block that claims what fits into so many bytes, for so many functions."""
        fit = Fit(max(1, min(self.limit, most_bytes)), max(1, functions), self._average)
        begin = time.monotonic()
        try:
            yield fit
        except BaseException:
            self.limit = max(_LEAST, self.limit // 2)
            raise
        self.observe(fit, time.monotonic() - begin)

    def observe(self, fit: Fit, seconds: float) -> None:
        """Record that the claim of what fitted took so long."""
        if not fit.jobs:
            return
        self._average = max(1, fit.size // fit.jobs)
        if fit.size >= min(self.limit, _LEAST * 4) // 2:  # less is no measure of the line
            rate = int(fit.size / max(seconds, 0.001))
            self.limit = min(MOST, max(_LEAST, self.limit // 4, min(rate, self.limit * 4)))


class Fit:
    """One claim: chooses from what is found, in its order, until `limit` bytes are used. The first job always fits."""

    def __init__(self, limit: int, functions: int, average: int) -> None:
        self.size = 0
        self.jobs = 0
        self.is_over = False  # something did not fit
        self.limit = limit
        self._share = limit // functions
        self._average = average
        self._used: dict[str, int] = {}
        self._full: set[str] = set()  # functions of which a job did not fit: none overtakes it

    def count(self, rows: Iterable[Sequence[Any]]) -> None:
        """Record rows of CLAIM_COLUMNS that the database chose itself."""
        for row in rows:
            self.size += len(row[_PAYLOAD]) + _ROW
            self.jobs += 1

    def rows(self, waiting: int) -> int:
        """Return how many rows to read at once, of so many that wait."""
        most = _ROWS if not self._average else self._left() // (self._average + _ROW) + 1
        return max(1, min(waiting, most, _ROWS))

    def inline(self, rows: int) -> int:
        """Up to how many bytes a payload is read with its row, of so many rows."""
        return max(self._left() // rows, min(2 * self._average, self._left()))

    def choose(self, found: Iterable[tuple[int, str, int]]) -> set[int]:
        """Choose among rows, each with its id, function and length of the payload, in the order of the claim."""
        chosen: set[int] = set()
        for row, function, length in found:
            if function in self._full:
                continue
            size = length + _ROW
            used = self._used.get(function, 0)
            if self.jobs and (self.size + size > self.limit or (used and used + size > self._share)):
                self._full.add(function)
                self.is_over = True
                continue
            self._used[function] = used + size
            self.size += size
            self.jobs += 1
            chosen.add(row)
        return chosen

    def _left(self) -> int:
        return max(0, self.limit - self.size)


def fitting(
    ids: list[int],
    fit: Fit,
    read_rows: Callable[[list[int], int], Iterable[Sequence[Any]]],
    read_payloads: Callable[[list[int]], Iterable[Sequence[Any]]],
) -> Iterator[tuple[Sequence[Any], int]]:
    """Of these rows, in the order of the claim, those that fit: their CLAIM_COLUMNS, and id.

    `read_rows` reads rows with payloads up to a length: CLAIM_COLUMNS, the payload's length, the id. `read_payloads`
    reads ids and payloads.
    """
    start = 0
    while start < len(ids) and not fit.is_over:
        chunk = ids[start : start + fit.rows(len(ids) - start)]
        start += len(chunk)
        found = {row[-1]: row for row in read_rows(chunk, fit.inline(len(chunk)))}
        chosen = fit.choose((one, found[one][_FUNCTION], found[one][-2]) for one in chunk if one in found)
        long = [one for one in chosen if found[one][_PAYLOAD] is None]
        payloads: dict[int, Any] = dict(map(tuple, read_payloads(long))) if long else {}
        for one, row in found.items():
            if one in chosen and row[_PAYLOAD] is not None:
                yield row[:-2], one
            elif one in payloads:
                yield (*row[:_PAYLOAD], payloads.pop(one), *row[_PAYLOAD + 1 : -2]), one
