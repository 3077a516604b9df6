"""Failed jobs in the table: found, looked into, tried again, discarded. One suite for every database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gearbridge.records import FailedQuery
from gearbridge.stores.failed_jobs import discard, find, look, retry
from gearbridge.stores.jobtable.schema import FAILED, WAITING

from .enqueueing import enqueue, handles_in, row_of

if TYPE_CHECKING:
    from gearbridge.stores.jobtable.store import TableStore

    from .place import Place


def fail(place: Place, handle: str, **columns: Any) -> None:
    enqueue(place, {"handle": handle, "state": FAILED, "attempts": 3, "error": "no disk", "finished": 1000, **columns})


def found(store: TableStore, at_most: int = 100, **query: Any) -> list[str]:
    return [one.handle.decode() for one in store.transact(partial(find, query=FailedQuery(**query), at_most=at_most))]


def test_they_are_found_by_what_is_known_of_them_the_last_one_first(place: Place, store: TableStore) -> None:
    fail(place, "S:1", unique_key="key", priority=0, enqueued=900, enqueued_by="shop")
    fail(place, "S:2", function="a\\\\b", error="No disk", finished=2000)
    fail(place, "H:3", payload=b'{"user": 7}\xff', error="no us\u20acr", finished=3000)
    enqueue(place, {"handle": "waits"})
    assert found(store) == ["H:3", "S:2", "S:1"]
    assert found(store, function=b"f") == ["H:3", "S:1"]
    assert found(store, function=b"a\\b") == ["S:2"]
    assert found(store, unique_key=b"key") == ["S:1"]
    assert found(store, error="no ") == ["H:3", "S:1"]
    assert found(store, error="us\u20ac") == ["H:3"]
    assert found(store, payload=b'"user": 7}\xff') == ["H:3"]
    assert found(store, since=2000) == ["H:3", "S:2"]
    assert found(store, until=2000) == ["S:2", "S:1"]
    assert found(store, function=b"f", error="us", payload=b"user", since=2500, until=3500) == ["H:3"]
    assert found(store, error="Disk") == found(store, error="%") == found(store, payload=b"8") == []
    one = store.transact(partial(look, handle="S:1"))
    assert one is not None
    assert one[0][:7] == (b"S:1", b"f", b"key", 0, 3, 0, "no disk")
    assert (one[0].enqueued, one[0].enqueued_by, one[0].finished, one[0].size, one[1]) == (900, "shop", 1000, 0, b"")
    assert store.transact(partial(look, handle="waits")) is None


def test_pages_follow_each_other_whatever_is_retried_in_between(place: Place, store: TableStore) -> None:
    for number in range(10):
        fail(place, f"S:{number}", finished=1000 + number // 4)
    seen: list[str] = []
    query = FailedQuery()
    while page := store.transact(partial(find, query=query, at_most=3)):
        seen += [one.handle.decode() for one in page]
        last = page[-1]
        assert store.transact(partial(retry, handles=[last.handle.decode()])) == 1
        query = FailedQuery(until=last.finished, after=last.handle.decode())
    assert sorted(seen) == [f"S:{number}" for number in range(10)]


def test_each_is_tried_again_once_and_claimed_with_its_new_payload(place: Place, store: TableStore) -> None:
    for handle in ("S:1", "S:2"):
        fail(place, handle, payload=b"old", attempts=5)
    assert store.transact(partial(retry, handles=["S:1", "S:0"], payload=b"new\0")) == 1
    assert store.transact(partial(retry, handles=["S:1", "S:2"])) == 1
    assert store.transact(partial(retry, handles=["S:1", "S:2"])) == 0
    assert store.transact(partial(discard, handles=["S:1", "S:2"])) == 0
    claimed = {one.handle: (one.payload, one.attempts) for one in store.claim({b"f": 10})}
    assert claimed == {b"S:1": (b"new\0", 0), b"S:2": (b"old", 0)}
    row = row_of(place, "S:1")
    assert row is not None
    assert (row["state"], row["error"], row["finished"]) == (WAITING, None, None)


def test_of_one_unique_key_a_single_one_waits(place: Place, store: TableStore) -> None:
    for number in range(3):
        fail(place, f"S:{number}", unique_key="key")
    fail(place, "S:other")
    assert store.transact(partial(retry, handles=["S:0", "S:1", "S:2", "S:other"])) == 2
    assert found(store) == ["S:2", "S:1"]


def test_those_that_failed_are_discarded(place: Place, store: TableStore) -> None:
    fail(place, "S:1")
    fail(place, "S:2")
    enqueue(place, {"handle": "waits"})
    assert store.transact(partial(discard, handles=["S:1", "waits", "none"])) == 1
    assert handles_in(place) == {"S:2", "waits"}
