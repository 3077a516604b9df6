"""Claims are limited in bytes as well as in rows, and bring about what the line brought lately in a second."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.errors import StoreError, StoreUnavailable, without_frames
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.jobtable.claim_size import MOST, ClaimSize, Fit
from gearbridge.stores.mysql.store import MySQLStore
from gearbridge.stores.postgresql.store import PostgreSQLStore
from gearbridge.stores.sqlite.store import SQLiteStore

from .place import DRIVERS, make_place
from .sharing import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.records import ClaimedJob
    from gearbridge.stores.interface import WindowedStore
    from gearbridge.stores.jobtable.bulk import BulkTableStore

    from .place import Place

_MB = 1_000_000


@pytest.fixture(params=[*DRIVERS, "nodes of postgresql", "nodes of mariadb"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WindowedStore]:
    kind = str(request.param)
    place: Place = make_place(request, kind.removeprefix("nodes of "), tmp_path / "jobs.db")
    with contextlib.ExitStack() as stack:
        if kind.startswith("nodes"):
            (store,) = stack.enter_context(nodes(place, "a"))
            yield cast("WindowedStore", store)
        else:
            alone = cast("WindowedStore", place.store())
            stack.callback(alone.close)
            alone.open()
            yield alone


def put(number: int, size: int, function: bytes = b"f", priority: int = 1) -> Put:
    payload = number.to_bytes(2, "big") * (size // 2)
    return Put(StoredJob(b"H:%d" % number, function, payload, priority=priority), spilled=True)


def handles(jobs: list[ClaimedJob]) -> list[bytes]:
    return [job.handle for job in jobs]


def test_a_claim_brings_what_fits_in_order_and_the_next_one_the_rest(table: WindowedStore) -> None:
    puts = [put(number, _MB) for number in range(7)]
    table.apply(puts)
    first = table.claim({b"f": 100}, 3 * _MB + 10_000)
    assert handles(first) == [b"H:0", b"H:1", b"H:2"]
    assert [job.payload for job in first] == [one.job.payload for one in puts[:3]]
    rest = []
    while jobs := table.claim({b"f": 100}, 3 * _MB + 10_000):
        rest += jobs
    assert handles(rest) == [b"H:3", b"H:4", b"H:5", b"H:6"]
    table.apply([Drop(job.handle) for job in [*first, *rest]])
    assert table.claim({b"f": 100}) == []


def test_a_job_that_is_larger_comes_alone_and_none_overtakes_it(table: WindowedStore) -> None:
    table.apply([put(0, 10), put(1, 2 * _MB), put(2, 10)])
    assert handles(table.claim({b"f": 100}, 100_000))[:1] == [b"H:0"]
    assert handles(table.claim({b"f": 100}, 100_000))[:1] == [b"H:1"]
    table.claim({b"f": 100}, 100_000)
    assert table.claim({b"f": 100}, 100_000) == []


def test_large_jobs_of_one_function_leave_room_for_another(table: WindowedStore) -> None:
    table.apply([put(number, _MB) for number in range(6)] + [put(10, 10, b"g")])
    claimed = [job for _ in range(2) for job in table.claim({b"f": 100, b"g": 100}, 2 * _MB)]
    assert b"H:10" in handles(claimed)


def test_what_is_urgent_comes_first_also_where_little_fits(table: WindowedStore) -> None:
    table.apply([put(0, _MB), put(1, _MB), put(2, _MB, priority=0)])
    assert handles(table.claim({b"f": 100}, _MB + 10_000)) == [b"H:2"]


def test_a_claim_is_as_large_as_what_comes_in_a_second() -> None:
    size = ClaimSize()
    first = size.limit
    size.observe(_fit(size, first), 8.0)
    assert size.limit == max(first // 4, first // 8)
    for _ in range(10):
        size.observe(_fit(size, size.limit), 8.0)
    least = size.limit
    assert least >= 100_000, "however slow the line is"
    for _ in range(20):
        size.observe(_fit(size, size.limit), 0.001)
    assert size.limit == MOST, "however fast it is"
    size.observe(_fit(size, 1000), 5.0)
    assert size.limit == MOST, "a few bytes say nothing about the line"


def test_a_claim_that_fails_makes_the_next_one_smaller() -> None:
    size = ClaimSize()
    before = size.limit
    with contextlib.suppress(StoreUnavailable), size.measured(MOST, 1):
        raise StoreUnavailable("gone")
    assert size.limit < before


def test_rows_are_read_with_their_payloads_where_they_are_as_long_as_lately() -> None:
    fit = Fit(1_000_000, 1, 20_000)
    rows = fit.rows(1000)
    assert 40 <= rows <= 60
    assert fit.inline(rows) >= 20_000
    unknown = Fit(1_000_000, 1, 0)
    assert unknown.rows(5000) * unknown.inline(unknown.rows(5000)) <= 1_000_000


def _fit(size: ClaimSize, amount: int) -> Fit:
    with size.measured(MOST, 1) as fit:
        pass
    fit.size, fit.jobs = amount, 1
    return fit


class _Read(bytearray):
    """What a driver has read."""


def test_an_error_that_is_kept_keeps_nothing_else_though_no_garbage_is_collected() -> None:
    gc.disable()
    try:
        error, read = _fails()
        kept = without_frames(error)
        del error
        assert read() is None, "what the frames of the error held is free"
        assert str(kept) == "gone"
    finally:
        gc.enable()


def _fails() -> tuple[StoreError, weakref.ref[_Read]]:
    known: list[weakref.ref[_Read]] = []
    try:
        _claim(known)
    except StoreError as error:
        return error, known[0]
    raise AssertionError


def _claim(known: list[weakref.ref[_Read]]) -> None:
    rows = _Read(10)
    known.append(weakref.ref(rows))
    try:
        raise OSError("broken")
    except OSError as broken:
        cause = broken  # as code does that looks at it
        raise StoreUnavailable("gone") from cause


@pytest.mark.parametrize("store", [SQLiteStore, PostgreSQLStore, MySQLStore])
def test_each_database_is_asked_for_payloads_up_to_a_length_only(store: type[BulkTableStore]) -> None:
    columns = store.claimed_rows.format(inline=7).partition(" FROM ")[0]
    assert columns.count("payload") == 3, "its length, again, and itself where it is short"
    assert "CASE WHEN length(payload) <= 7 THEN payload END" in columns
