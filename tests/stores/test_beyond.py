"""What a server puts beyond its window: it waits in the table, is counted, found and claimed; in every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge.records import Backlog, Drop, Put, StoredJob, Update, WaitingJob

from .enqueueing import enqueue, row_of
from .place import DRIVERS
from .test_claims import MANY, claimed

if TYPE_CHECKING:
    from gearbridge.stores.interface import WindowedStore

    from .place import Place

pytestmark = pytest.mark.parametrize("place", list(DRIVERS), indirect=True)


def spilled(handle: str, function: bytes = b"f", priority: int = 1, due: int = 0) -> Put:
    return Put(StoredJob(handle.encode(), function, b"\0\xff", b"", priority, due, 0, b"sum"), spilled=True)


def test_a_job_beyond_comes_back_entire_by_a_claim_and_not_by_replay(store: WindowedStore) -> None:
    store.apply([spilled("H:a:1", b"a\xff")])
    assert list(store.replay()) == []
    (one,) = store.claim({b"a\xff": 10})
    assert (one.handle, one.function, one.unique_key, one.payload) == (b"H:a:1", b"a\xff", b"", b"\0\xff")
    assert (one.priority, one.due, one.attempts, one.reducer) == (1, 0, 0, b"sum")
    assert (one.max_attempts, one.keep_result) == (0, False)


def test_alone_or_with_others_of_either_kind_they_are_put_once(place: Place, store: WindowedStore) -> None:
    store.apply([spilled("H:a:1")])
    kept = Put(StoredJob(b"H:a:2", b"f", b""))
    store.apply([spilled("H:a:1"), kept, spilled("H:a:3"), Update(b"H:a:3", 2), spilled("H:a:4"), Drop(b"H:a:4")])
    assert [job.handle for job in store.replay()] == [b"H:a:2"]
    assert claimed(store, f=MANY) == [b"H:a:1", b"H:a:3"]
    assert (row_of(place, "H:a:3") or {})["attempts"] == 2
    store.apply([Drop(b"H:a:1"), Drop(b"H:a:3")])
    assert claimed(store, f=MANY) == []
    assert row_of(place, "H:a:3") is None


def test_the_backlog_counts_what_came_over_a_socket(place: Place, store: WindowedStore) -> None:
    assert store.backlog() == []
    enqueue(place, {"handle": "S:1"}, {"handle": "S:2", "function": "g"})
    store.apply([spilled(f"H:a:{number}", priority=number % 2) for number in range(5)])
    store.apply([spilled("T:later", due=99), spilled("R:other", b"g\xff", 2), Put(StoredJob(b"H:kept", b"f", b""))])
    assert sorted(store.backlog()) == [
        Backlog(b"f", 0, False, 3),
        Backlog(b"f", 1, False, 2),
        Backlog(b"f", 1, True, 1),
        Backlog(b"g\xff", 2, False, 1),
    ]


def test_those_that_wait_are_found(place: Place, store: WindowedStore) -> None:
    enqueue(place, {"handle": "S:1", "priority": 2}, {"handle": "S:done", "state": 3})
    store.apply([spilled("H:a:1", due=7), Put(StoredJob(b"H:kept", b"f", b""))])
    asked = [b"H:a:1", b"S:1", b"S:done", b"H:kept", b"H:none", b"\xff", b"a\0b", b"'", b"H:a:1"]
    found = {b"H:a:1": WaitingJob(b"H:a:1", b"f", 1, 7), b"S:1": WaitingJob(b"S:1", b"f", 2, 0)}
    assert store.find(asked) == found
    claimed(store, f=MANY)
    assert store.find(asked) == found
    assert store.find([]) == {}
    store.apply([spilled(f"H:many:{number}") for number in range(2500)])
    assert len(store.find([b"H:many:%d" % number for number in range(3000)])) == 2500
