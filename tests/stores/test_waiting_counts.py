"""Counts of what waits unclaimed in the job table: one suite for every store that has one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gearbridge.records import Drop, Failed, Put, Release, Retry, StoredJob, WaitingRows
from gearbridge.stores.database.clock_offset import ClockOffset
from gearbridge.stores.jobtable import waiting_counts
from gearbridge.stores.jobtable.schema import DONE, FAILED

from .enqueueing import enqueue

if TYPE_CHECKING:
    from gearbridge.stores.interface import ClaimableStore

    from .place import Place

NONE = (0, 0, 0, 0)
FUTURE = 1 << 40


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FIRST", "_LEAST", "_MOST"):
        monkeypatch.setattr(waiting_counts, name, 7)


class Known:
    """The counts as a server knows them."""

    def __init__(self, store: ClaimableStore) -> None:
        self.store = store
        self.functions: dict[bytes, WaitingRows] = {}
        self.calls = 0

    def look(self, *, again: bool = False) -> dict[bytes, WaitingRows]:
        has_more = True
        while has_more:
            found, is_whole, has_more = self.store.count_waiting(again=again)
            if is_whole:
                self.functions.clear()
            self.functions.update((one.function, one) for one in found)
            self.calls += 1
        return {name: one for name, one in self.functions.items() if any(one.enqueued) or any(one.spilled)}


def test_all_that_waits_is_counted_by_function_priority_and_time(place: Place, store: ClaimableStore) -> None:
    known = Known(store)
    assert known.look() == {}
    past = int(time.time()) - 100
    enqueue(
        place,
        *({"handle": f"S:{number}", "priority": number % 3, "enqueued": 1000 + number} for number in range(30)),
        {"handle": "S:later", "due": FUTURE, "enqueued": 1},
        {"handle": "S:was later", "due": past, "priority": 2, "enqueued": 5},
        {"handle": "S:g", "function": "a\\\\b"},
        {"handle": "S:failed", "state": FAILED, "finished": past},
        {"handle": "S:done", "function": "h", "state": DONE, "finished": past},
    )
    store.apply(
        [
            Put(StoredJob(b"H:1", b"f", b"", b"", 0), spilled=True),
            Put(StoredJob(b"H:2", b"f", b"", b"", 1, FUTURE), spilled=True),
            Put(StoredJob(b"H:3", b"f", b"")),  # this server has it
        ]
    )
    expected = {
        b"f": WaitingRows(b"f", (10, 10, 11, 1), (1, 0, 0, 1), 5),
        b"a\\b": WaitingRows(b"a\\b", (0, 1, 0, 0), NONE, None),
    }
    assert known.look() == expected
    assert known.calls > 4
    assert known.look(again=True) == expected


def test_what_is_claimed_is_not_counted_until_it_is_given_back(place: Place, store: ClaimableStore) -> None:
    enqueue(place, *({"handle": f"S:{number}", "enqueued": 1000 + number} for number in range(20)))
    known = Known(store)
    jobs = store.claim({b"f": 5})
    assert known.look() == {b"f": WaitingRows(b"f", (0, 15, 0, 0), NONE, 1004)}
    jobs += store.claim({b"f": 4})
    assert known.look() == {b"f": WaitingRows(b"f", (0, 11, 0, 0), NONE, 1008)}
    first, second, third, fourth, *_ = (job.handle for job in jobs)
    store.apply([Drop(first), Failed(second, 1, ""), Retry(third, 1, ""), Release(fourth)])
    assert known.look()[b"f"].enqueued == (0, 12, 0, 1)
    assert known.look(again=True)[b"f"].enqueued == (0, 12, 0, 1)


def test_what_came_over_a_socket_is_as_old_as_the_count_that_found_it(
    place: Place, store: ClaimableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(ClockOffset, "now", lambda _self: clock)
    known = Known(store)
    known.look()
    for number in range(5):
        store.apply([Put(StoredJob(b"H:%d" % number, b"f", b""), spilled=True)])
        assert known.look()[b"f"].oldest == 1000
        clock += 0.5
    first, second, third = store.claim({b"f": 3})
    store.apply([Drop(first.handle), Drop(second.handle), Release(third.handle)])
    assert known.look(again=True)[b"f"].oldest == 1001


def test_the_age_of_what_is_gone_is_forgotten(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "S:old", "enqueued": 1000}, {"handle": "S:g", "function": "g"})
    known = Known(store)
    assert known.look()[b"f"].oldest == 1000
    assert len(store.claim({b"f": 5})) == 1
    enqueue(place, {"handle": "S:new", "enqueued": 2000})
    assert known.look()[b"f"] == WaitingRows(b"f", (0, 1, 0, 0), NONE, 2000)


def test_no_more_functions_are_counted_than_memory_is_meant_for(
    place: Place, store: ClaimableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_counts, "_FUNCTIONS", 10)
    enqueue(place, *({"handle": f"S:{number}", "function": f"f{number % 30}"} for number in range(60)))
    known = Known(store)
    assert len(known.look()) == 10
    assert all(one.enqueued == (0, 2, 0, 0) for one in known.look(again=True).values())


def test_a_pass_finds_what_others_have_changed_and_a_claim_amid_it(place: Place, store: ClaimableStore) -> None:
    enqueue(place, *({"handle": f"S:{number}", "function": "fg"[number % 2]} for number in range(40)))
    known = Known(store)
    known.look()
    place.run("DELETE FROM gearbridge_job WHERE handle IN ('S:1', 'S:2', 'S:4', 'S:38')")
    assert known.look()[b"f"].enqueued == (0, 20, 0, 0)
    assert store.count_waiting(again=True).has_more
    assert len(store.claim({b"f": 6})) == 6
    enqueue(place, {"handle": "S:new"})
    assert known.look()[b"f"].enqueued == (0, 15, 0, 0)
    assert known.look(again=True)[b"f"].enqueued == (0, 12, 0, 0)
    assert known.look()[b"g"].enqueued == (0, 19, 0, 0)
    place.run("DELETE FROM gearbridge_job")
    assert known.look(again=True) == {}
