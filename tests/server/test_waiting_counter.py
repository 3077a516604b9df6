"""When what waits in the job table is counted: often where that is cheap, and never for more than its share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from gearbridge.errors import StoreUnavailable
from gearbridge.persistence import waiting_counter
from gearbridge.persistence.waiting_counter import WaitingCounter
from gearbridge.records import RowsWaiting

if TYPE_CHECKING:
    from gearbridge.persistence.store_call import StoreCall
    from gearbridge.stores.interface import ClaimableStore

_sleep = asyncio.sleep


class Clock:
    """A clock that only sleeping and counting move; `until` is when the test is over."""

    def __init__(self, until: float) -> None:
        self.now = 1000.0
        self.until = self.now + until
        self.is_over = asyncio.Event()

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.until:
            self.is_over.set()
        await _sleep(0)


class Table:
    """A table of so many slices, each of which takes `seconds`."""

    def __init__(self, clock: Clock, slices: int, seconds: float) -> None:
        self.clock, self.slices, self.seconds = clock, slices, seconds
        self.spent = 0.0
        self.passes: list[float] = []  # when each was over
        self.looks = 0
        self.failures = 0
        self._left = slices
        self._is_whole = False

    def count_waiting(self, *, again: bool) -> RowsWaiting:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        if not again and self._is_whole:
            self.looks += 1
            return RowsWaiting([], False, False)
        self.clock.now += self.seconds
        self.spent += self.seconds
        self._left -= 1
        if self._left:
            return RowsWaiting([], False, True)
        self._left, self._is_whole = self.slices, True
        self.passes.append(self.clock.now)
        return RowsWaiting([], True, False)

    def run_call(self, call: StoreCall) -> None:
        call.carry_out()


def counted(
    monkeypatch: pytest.MonkeyPatch, slices: int, seconds: float, during: float, failures: int = 0
) -> tuple[Table, list[float | None]]:
    """Count for a while; return the table, and since when all was counted each time."""

    async def main() -> tuple[Table, list[float | None]]:
        clock = Clock(during)
        table = Table(clock, slices, seconds)
        table.failures = failures
        monkeypatch.setattr(waiting_counter, "time", clock)
        monkeypatch.setattr(asyncio, "sleep", clock.sleep)
        known: list[float | None] = []
        store = cast("ClaimableStore", table)
        counter = WaitingCounter(table, store, lambda _counted, since: known.append(since))
        counter.start()
        await clock.is_over.wait()
        await counter.stop()
        return table, known

    result: Any = asyncio.run(main())
    return cast("tuple[Table, list[float | None]]", result)


def test_a_small_table_is_counted_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    table, known = counted(monkeypatch, 1, 0.005, 60)
    assert 55 <= len(table.passes) <= 62
    assert table.looks == 0, "a pass finds what is new"
    assert known[-1] is not None


def test_a_large_table_takes_a_hundredth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    table, known = counted(monkeypatch, 400, 0.025, 10_000)
    first = 10.0  # at the start it is counted once without long pauses
    assert table.spent - first <= 0.011 * 10_000
    assert len(table.passes) >= 9
    assert table.passes[0] < 1000 + 2 * first
    assert table.looks > 9000, "what is new is counted each second all the time"
    assert known[0] is None
    assert known[-1] is not None


def test_a_table_of_some_hundred_thousands_takes_a_twentieth_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = counted(monkeypatch, 10, 0.02, 1000)
    assert table.spent <= 0.055 * 1000
    assert len(table.passes) > 100


def test_a_database_that_was_stopped_or_away_is_counted_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = counted(monkeypatch, 1, 60.0, 200, failures=5)
    assert len(table.passes) >= 3


@pytest.mark.parametrize("slices", [1, 3])
def test_the_age_is_that_of_the_last_whole_pass(monkeypatch: pytest.MonkeyPatch, slices: int) -> None:
    table, known = counted(monkeypatch, slices, 0.01, 30)
    since = known[-1]
    assert since is not None
    assert table.passes[-1] - 0.2 < since < table.passes[-1]
