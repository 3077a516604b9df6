"""Claiming and settling what SQL enqueued: one suite for every store that can."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from gearbridge.errors import StoreError
from gearbridge.records import ClaimedJob, Done, Drop, Failed, Progress, Put, Retry, StoredJob, Update
from gearbridge.stores.jobtable.schema import DONE, FAILED, WAITING, job
from tests.fixtures.mysql import SERVERS

from .enqueueing import enqueue, handles_in, row_of

if TYPE_CHECKING:
    from gearbridge.stores.interface import ClaimableStore

    from .place import Place

MANY = 10_000


def claimed(store: ClaimableStore, **claim_capacity: int) -> list[bytes]:
    return [one.handle for one in store.claim({name.encode(): room for name, room in claim_capacity.items()})]


def test_a_claim_brings_the_whole_job(place: Place, store: ClaimableStore) -> None:
    enqueue(
        place,
        {
            "handle": "S:1",
            "function": "a\\\\b",
            "unique_key": "k",
            "priority": 0,
            "payload": b"\0\xff",
            "attempts": 2,
            "max_attempts": 5,
            "keep_result": 1,
        },
    )
    (one,) = store.claim({b"a\\b": 10})
    assert isinstance(one, ClaimedJob)
    assert (one.handle, one.function, one.unique_key, one.priority) == (b"S:1", b"a\\b", b"k", 0)
    assert (one.payload, one.attempts, one.max_attempts, one.keep_result) == (b"\0\xff", 2, 5, True)


def test_only_what_was_asked_for_by_priority_then_in_order(place: Place, store: ClaimableStore) -> None:
    enqueue(
        place,
        {"handle": "low", "priority": 2},
        {"handle": "first"},
        {"handle": "other", "function": "g"},
        {"handle": "second"},
        {"handle": "high", "priority": 0},
    )
    assert sorted(claimed(store, f=2)) == [b"first", b"high"]
    assert claimed(store, f=MANY) == [b"low", b"second"]
    assert claimed(store, f=MANY, h=MANY) == []
    assert claimed(store, g=1) == [b"other"]


def test_the_functions_that_wait_are_found(place: Place, store: ClaimableStore) -> None:
    assert store.functions() == []
    names = [f"f{number}" for number in range(40)]
    enqueue(place, *({"handle": f"{name}-{n}", "function": name} for name in names for n in range(3)))
    enqueue(place, {"handle": "due", "function": "later", "due": 1 << 40}, {"handle": "x", "function": "a\\\\b"})
    store.apply([Put(ClaimedJob(b"own", b"kept", b"")), Failed(b"f7-0", 1, ""), Drop(b"f8-0"), Drop(b"f8-1")])
    store.apply([Drop(b"f8-2")])
    assert store.functions() == sorted({*(name.encode() for name in names), b"later", b"a\\b"} - {b"f8"})


def test_room_is_for_each_function(place: Place, store: ClaimableStore) -> None:
    enqueue(place, *({"handle": f"{function}{n}", "function": function} for n in range(5) for function in "fg"))
    assert sorted(claimed(store, f=2, g=3)) == [b"f0", b"f1", b"g0", b"g1", b"g2"]
    assert claimed(store, f=0) == []


def test_progress_is_that_of_the_present_attempt(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "S:1"}, {"handle": "S:2"})
    assert claimed(store, f=MANY) == [b"S:1", b"S:2"]
    store.apply([Progress(b"S:1", 1, 4), Progress(b"S:2", 1, 4)])
    assert progress(place) == [(1, 4), (1, 4)]
    store.apply([Update(b"S:1", 1), Retry(b"S:2", 1, "no disk")])
    assert progress(place) == [(None, None), (0, 0)]
    store.apply([Progress(b"S:1", 2, 4), Update(b"S:1", 2)])
    assert progress(place)[0] == (None, None)
    store.apply([Update(b"S:1", 3), Progress(b"S:1", 3, 4)])
    assert progress(place)[0] == (3, 4)


def test_what_finished_long_ago_is_deleted_oldest_first_and_in_pieces(place: Place, store: ClaimableStore) -> None:
    enqueue(
        place,
        *({"handle": f"done{n}", "state": DONE, "finished": n} for n in range(1, 6)),
        *({"handle": f"failed{n}", "state": FAILED, "finished": n} for n in range(1, 6)),
        {"handle": "waiting"},
    )
    store.apply([Put(StoredJob(b"kept", b"f", b""))])
    assert store.prune(0, 0, MANY) == 0
    assert store.prune(5, 3, 2) == 4
    assert handles_in(place) == {"done3", "done4", "done5", "failed3", "failed4", "failed5", "waiting", "kept"}
    assert store.prune(5, 3, 2) == 2
    assert store.prune(5, 3, 2) == 0
    assert handles_in(place) == {"done5", "failed3", "failed4", "failed5", "waiting", "kept"}


def progress(place: Place) -> list[tuple[int | None, int | None]]:
    found = [row_of(place, handle) or {} for handle in ("S:1", "S:2")]
    return [(row["numerator"], row["denominator"]) for row in found]


def test_what_is_in_hand_is_not_claimed_twice_and_what_is_not_settled_is_there_for_the_next(
    place: Place, store: ClaimableStore
) -> None:
    enqueue(place, *({"handle": f"h{n}"} for n in range(2500)))
    seen = [claimed(store, f=1000) for _ in range(4)]
    assert [len(part) for part in seen] == [1000, 1000, 500, 0]
    assert len({handle for part in seen for handle in part}) == 2500
    store.apply([Drop(handle) for handle in seen[0]])
    assert claimed(store, f=MANY) == []
    store.close()
    again = place.store()
    again.open()
    assert len(claimed(again, f=MANY)) == 1500  # type: ignore[arg-type]  # every store of this suite is claimable
    again.close()


def test_the_stores_own_jobs_are_not_claimed(store: ClaimableStore) -> None:
    store.apply([Put(ClaimedJob(b"own", b"f", b""))])
    assert claimed(store, f=MANY) == []


def test_a_job_is_claimed_when_its_time_comes_near(place: Place, store: ClaimableStore) -> None:
    now = int(time.time())
    enqueue(
        place,
        {"handle": "past", "due": 1},
        {"handle": "soon", "due": now + 2},
        {"handle": "later", "due": now + 1000},
        {"handle": "now"},
    )
    jobs = store.claim({b"f": MANY})
    assert [(one.handle, one.due) for one in jobs] == [(b"past", 1), (b"soon", now + 2), (b"now", 0)]


def test_a_row_committed_after_later_ones_is_found(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "second", "id": 1002})
    assert claimed(store, f=MANY) == [b"second"]
    enqueue(place, {"handle": "first", "id": 1001})
    assert claimed(store, f=MANY) == [b"first"]


def test_done_keeps_the_row_with_its_result(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "h", "keep_result": 1})
    claimed(store, f=1)
    store.apply([Progress(b"h", 1, 4), Progress(b"h", 3, 4), Done(b"h", b"\0result")])
    row = row_of(place, "h")
    assert row is not None
    assert (row["state"], row["result"], row["numerator"], row["denominator"]) == (DONE, b"\0result", 3, 4)
    assert abs(row["finished"] - time.time()) < 60
    assert claimed(store, f=1) == []


def test_a_failed_attempt_is_claimed_again_after_a_pause(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "h"})
    claimed(store, f=1)
    store.apply([Retry(b"h", 1, "no\0disk")])
    row = row_of(place, "h")
    assert row is not None
    assert (row["state"], row["attempts"], row["error"]) == (WAITING, 1, "no\\x00disk")
    assert 1 <= row["due"] - time.time() + 2 <= 6
    (one,) = store.claim({b"f": 1})
    assert (one.handle, one.due, one.attempts) == (b"h", row["due"], 1)


def test_what_failed_for_good_is_kept_and_not_claimed(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "h"})
    claimed(store, f=1)
    store.apply([Update(b"h", 1), Failed(b"h", 2, "caf\u00e9")])
    row = row_of(place, "h")
    assert row is not None
    assert (row["state"], row["attempts"], row["error"]) == (FAILED, 2, "caf\u00e9")
    assert claimed(store, f=1) == []
    assert list(store.replay()) == []


@pytest.mark.parametrize(
    "late", [Done(b"h", b"late"), Retry(b"h", 9, "late"), Failed(b"h", 9, "late"), Progress(b"h", 9, 9)]
)
def test_what_comes_after_the_end_changes_nothing(place: Place, store: ClaimableStore, late: Done) -> None:
    enqueue(place, {"handle": "h"})
    claimed(store, f=1)
    store.apply([Failed(b"h", 2, "early")])
    before = row_of(place, "h")
    store.apply([late, Done(b"unknown", b"")])
    assert row_of(place, "h") == before


def test_many_are_settled_in_one_group(place: Place, store: ClaimableStore) -> None:
    enqueue(place, *({"handle": f"h{n}"} for n in range(600)))
    handles = claimed(store, f=MANY)
    store.apply([Done(handle, handle) for handle in handles])
    with place.connect() as connection:
        rows = connection.execute(select(job.c.handle, job.c.result).where(job.c.state == DONE)).all()
    assert sorted((row.handle, bytes(row.result)) for row in rows) == sorted((h.decode(), h) for h in handles)


def test_what_a_worker_says_has_room_however_much_it_is(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "h"})
    claimed(store, f=1)
    store.apply([Progress(b"h", 10**18 - 1, 10**18 - 1), Failed(b"h", None, "\u20ac\0" * 100_000)])
    row = row_of(place, "h")
    assert row is not None
    assert (row["state"], row["attempts"], row["numerator"]) == (FAILED, 0, 10**18 - 1)
    assert row["error"].startswith("\u20ac\\x00\u20ac")
    assert len(row["error"]) < 20_000


def test_a_claim_that_breaks_half_way_has_nothing_in_hand(
    place: Place, store: ClaimableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(place, *({"handle": f"h{n}"} for n in range(1500)))
    read: Any = store._rows  # type: ignore[attr-defined]  # every store of this suite reads its rows so
    asked: list[list[int]] = []

    def break_second(connection: Any, ids: list[int], *sizes: Any) -> Any:
        asked.append(ids)
        if len(asked) == 2:
            raise OperationalError("SELECT", None, sqlite3.OperationalError("broken"))
        return read(connection, ids, *sizes)

    with monkeypatch.context() as patch:
        patch.setattr(store, "_rows", break_second)
        with pytest.raises((StoreError, OperationalError)):
            claimed(store, f=MANY)
    assert len(asked) == 2
    assert len(claimed(store, f=MANY)) == 1500


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_mysql_finds_what_to_claim_by_the_index_however_many_wait(place: Place, store: ClaimableStore) -> None:
    enqueue(place, *({"handle": f"h{n}", "function": "much" if n % 3 else "little"} for n in range(3000)))
    raw: Any = store._connected().connection.dbapi_connection  # type: ignore[attr-defined]  # whose counts these are

    def rows_read() -> int:
        with raw.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
            return sum(int(row[1]) for row in cursor.fetchall())

    before = rows_read()
    assert len(claimed(store, much=10, little=10)) == 20
    assert store.functions() == [b"little", b"much"]
    assert rows_read() - before < 200


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_result_that_the_database_has_no_room_for_is_refused(place: Place, store: ClaimableStore) -> None:
    enqueue(place, {"handle": "h", "keep_result": 1}, {"handle": "other", "keep_result": 0})
    claimed(store, f=2)
    largest = store.traits.max_payload
    assert largest is not None
    with pytest.raises(StoreError, match=r"the result of \d+ bytes is over"):
        store.apply([Done(b"h", b"'" * (largest + 1)), Drop(b"other")])
    store.apply([Done(b"h", b"'" * largest)])
    row = row_of(place, "h")
    assert row is not None
    assert len(row["result"]) == largest
