"""What a store is, over every store: the same suite for all.

Where stores differ it is their traits that say so, and each ability is shown both ways: with it and without it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gearbridge.backoff import pause_before
from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.persistence.apply_group import apply_group
from gearbridge.records import Done, Drop, Operation, Put, Retry, StoredJob, Update
from gearbridge.stores.jobtable.schema import SCHEMA_VERSION
from gearbridge.stores.registry import store_for

from .place import DRIVERS, ITEMS, make_place

if TYPE_CHECKING:
    from pathlib import Path

    from gearbridge.stores.interface import Store

    from .place import Place


@pytest.fixture(params=[*DRIVERS, *ITEMS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a store keeps its jobs: a place of every kind that keeps any."""
    return make_place(request, request.param, tmp_path / "jobs.db")


def job(handle: bytes, payload: bytes = b"", function: bytes = b"f", unique_key: bytes = b"") -> StoredJob:
    return StoredJob(handle, function, payload, unique_key)


def kept(store: Store) -> list[tuple[object, ...]]:
    return [
        (job.handle, job.function, job.payload, job.unique_key, job.priority, job.due, job.attempts, job.reducer)
        for job in store.replay()
    ]


def handles(store: Store) -> list[bytes]:
    return [job.handle for job in store.replay()]


def test_what_is_put_is_there_after_reopening_entire_and_in_order(place: Place, store: Store) -> None:
    jobs = [
        StoredJob(b"H:b:2", b"resize", b"\0\xff'\n", b"key", 2, 1_800_000_000, 3, b"sum"),
        StoredJob(b"H:a:1", b"resize", b"", b"", 0),
    ]
    store.apply([Put(one) for one in jobs])
    store.apply([Put(job(b"H:a:0"))])
    store.close()
    again = place.store()
    again.open()
    assert again.traits.durable
    assert kept(again) == [
        (b"H:b:2", b"resize", b"\0\xff'\n", b"key", 2, 1_800_000_000, 3, b"sum"),
        (b"H:a:1", b"resize", b"", b"", 0, 0, 0, b""),
        (b"H:a:0", b"f", b"", b"", 1, 0, 0, b""),
    ]
    again.close()


def test_order_is_order_of_submission_after_drops_too(store: Store) -> None:
    store.apply([Put(job(b"%d" % number)) for number in range(5)])
    store.apply([Drop(b"4"), Drop(b"3")])
    store.apply([Put(job(b"9")), Put(job(b"8"))])
    assert handles(store) == [b"0", b"1", b"2", b"9", b"8"]


@pytest.mark.parametrize("size", [1, 7, 8, 63, 64, 65, 511, 512, 513, 1500])
def test_groups_of_any_size_are_kept_and_dropped(store: Store, size: int) -> None:
    names = [b"H:%04d" % number for number in range(size)]
    store.apply([Put(job(name, name * 2)) for name in names])
    assert [(one.handle, one.payload) for one in store.replay()] == [(name, name * 2) for name in names]
    store.apply([Drop(name) for name in names[:-1]])
    assert handles(store) == [names[-1]]


def test_the_order_of_operations_on_one_handle_is_their_meaning(store: Store) -> None:
    first, second = job(b"1", b"first"), job(b"1", b"second")
    store.apply([Put(first), Update(b"1", 2), Drop(b"1"), Put(second)])
    assert [(one.payload, one.attempts) for one in store.replay()] == [(b"second", 0)]
    store.apply([Drop(b"1"), Put(first), Drop(b"1")])
    assert handles(store) == []


def test_an_update_sets_the_attempts(store: Store) -> None:
    store.apply([Put(job(b"1")), Put(job(b"2"))])
    store.apply([Update(b"1", 1), Update(b"1", 2), Update(b"none", 5)])
    assert {one.handle: one.attempts for one in store.replay()} == {b"1": 2, b"2": 0}


def test_a_failed_attempt_sets_the_attempts_and_when_the_next_one_is_due(store: Store) -> None:
    store.apply([Put(job(b"1", b"x")), Put(job(b"2")), Put(job(b"3"))])
    before = time.time()
    store.apply([Retry(b"1", 5, "no such user"), Retry(b"3", 1, ""), Update(b"3", 2), Retry(b"never", 1, "")])
    one, two, three = store.replay()
    assert (one.payload, one.attempts, two.attempts, two.due, three.attempts) == (b"x", 5, 0, 0, 2)
    pauses = (one.due - before - pause_before(b"1", 5), three.due - before - pause_before(b"3", 1))
    assert all(-2 < pause < 60 for pause in pauses), "by clocks of one machine"
    store.apply([Drop(b"1")])
    assert handles(store) == [b"2", b"3"]


def test_a_group_may_be_applied_again(store: Store) -> None:
    group: list[Operation] = [Put(job(b"1", b"x")), Put(job(b"2", b"y")), Drop(b"2"), Drop(b"never")]
    store.apply(group)
    store.apply(group)
    assert [(one.handle, one.payload) for one in store.replay()] == [(b"1", b"x")]


@pytest.mark.parametrize("beside", [0, 70])
def test_a_put_fails_alone_whose_handle_is_another_jobs(place: Place, store: Store, beside: int) -> None:
    ours = StoredJob(b"H:a:1", b"f", b"x", b"key", 1, 1_800_000_000, 0, b"sum")
    store.apply([Put(ours), Put(job(b"H:a:2")), Update(b"H:a:1", 3)])
    others = [
        StoredJob(b"H:a:1", b"g", b"x", b"key", 1, 1_800_000_000, 0, b"sum"),
        StoredJob(b"H:a:1", b"f", b"y", b"key", 1, 1_800_000_000, 0, b"sum"),
        StoredJob(b"H:a:1", b"f", b"x", b"", 1, 1_800_000_000, 0, b"sum"),
        StoredJob(b"H:a:1", b"f", b"x", b"key", 2, 1_800_000_000, 0, b"sum"),
        StoredJob(b"H:a:1", b"f", b"x", b"key", 1, 0, 0, b"sum"),
        StoredJob(b"H:a:1", b"f", b"x", b"key", 1, 1_800_000_000, 0, b""),
    ]
    fresh = [Put(job(b"H:b:%d" % number)) for number in range(beside)]
    before = kept(store)
    for other in others:
        with pytest.raises(StoreError, match="another job has this handle"):
            store.apply([*fresh, Put(other)])
        if store.traits.transactional:
            assert kept(store) == before
        assert apply_group(store, [], [*fresh, Put(other)]) == ([], {beside: "another job has this handle already"})
        store.apply([Drop(one.job.handle) for one in fresh])
        assert kept(store) == before
    store.apply([*fresh, Put(ours)])
    assert len(kept(store)) == len(before) + beside


@pytest.mark.parametrize(
    "name",
    [
        b"a-b c",
        b"caf\xc3\xa9",
        b"\xff\xfe8-bit",
        b"back\\slash",
        b"\\x00",
        b"\\\xff",
        b'quote\'s "%s"',
        b"x" * 255,
        b"\xff" * 128,
    ],
)
def test_names_of_every_kind_survive(store: Store, name: bytes) -> None:
    store.apply([Put(StoredJob(b"1", name, b"", name, reducer=name))])
    (one,) = store.replay()
    assert (one.function, one.unique_key, one.reducer) == (name, name, name)


def test_jobs_without_unique_keys_do_not_overwrite_each_other(store: Store) -> None:
    # gearmand's stores keep one job per function and unique key: the second with an empty one replaces the first.
    for number in range(3):
        store.apply([Put(job(b"%d" % number, unique_key=b"")), Put(job(b"d%d" % number, unique_key=b"-"))])
    assert len(handles(store)) == 6


def test_the_largest_payload_is_what_the_abilities_say(store: Store) -> None:
    largest = store.traits.max_payload
    payload = b"\0\xff\r\n'\\" * (3 << 20)
    names = (b"f" * 512, b"u" * 255, b"r" * 512)  # as long as the protocol lets them be
    if largest is not None:
        payload = (payload * (1 + largest // len(payload)))[:largest]
        with pytest.raises(StoreError, match=f"payload of {largest + 1} bytes.*{largest}"):
            store.apply([Put(job(b"over", payload + b"x"))])
    store.apply([Put(StoredJob(b"fits", names[0], payload, names[1], reducer=names[2]))])
    assert [one.payload == payload for one in store.replay()] == [True]


def test_names_that_leave_no_room_for_the_payload_are_said_to(place: Place, store: Store) -> None:
    if place.kind not in ITEMS:
        return  # rows have columns of their own for names
    assert store.traits.max_payload is not None
    with pytest.raises(StoreError, match=r"names of 6\d{4} bytes leave no room"):
        store.apply([Put(job(b"1", b"x" * store.traits.max_payload, b"f" * 60_000))])


def test_a_group_is_all_or_nothing_where_it_is_transactional(store: Store) -> None:
    store.apply([Put(job(b"before"))])
    bad = job(b"bad")
    bad.priority = None  # type: ignore[assignment]  # what no store takes
    with pytest.raises((StoreError, TypeError)):
        store.apply([Put(job(b"good")), Drop(b"before"), Update(b"good", 1), Put(bad)])
    assert handles(store) == ([b"before"] if store.traits.transactional else [b"good"])
    store.apply([Put(job(b"after"))])
    assert handles(store)[1:] == [b"after"]


def test_what_sql_enqueued_is_taken_where_it_is_claimable_and_refused_elsewhere(store: Store) -> None:
    assert hasattr(store, "claim") == hasattr(store, "wakeup") == store.traits.claimable
    if store.traits.claimable:
        store.apply([Done(b"none", b"")])
    else:
        with pytest.raises(StoreError, match="SQL"):
            store.apply([Done(b"none", b"")])


def test_one_server_at_a_time_has_the_place_where_it_is_exclusive(place: Place, store: Store) -> None:
    second = place.store()
    if store.traits.exclusive:
        with pytest.raises(ConfigurationError, match="in use by another gearbridge server"):
            second.open()
        store.close()
        second.open()
    else:
        second.open()
        store.apply([Put(job(b"1"))])
        assert handles(second) == [b"1"]
    second.close()


def test_what_is_not_durable_keeps_nothing() -> None:
    memory = store_for("memory:")
    assert not memory.traits.durable
    memory.open()
    memory.apply([Put(job(b"1"))])
    assert handles(memory) == []
    memory.close()


def test_what_another_version_kept_is_not_misread(place: Place, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.apply([Put(job(b"1"))])
    if place.kind in ITEMS:  # each says for itself what it is, and there may be others' among them
        for name, value in ((b"2", b"\2" + bytes(100)), (b"3", b"hello"), (b"4", b""), (b"5", b"\1" + bytes(28))):
            place.set_item(name, value)
        assert handles(store) == [b"1"]
        assert "4 values under the prefix" in caplog.text
        return
    store.close()
    place.run("UPDATE gearbridge_schema SET version = 99")
    with pytest.raises(ConfigurationError, match=f"version 99.*version {SCHEMA_VERSION}"):
        place.store().open()


def test_a_store_that_is_not_open_says_so(place: Place) -> None:
    with pytest.raises(StoreError, match="not open"):
        place.store().apply([Drop(b"1")])


def test_any_handle_is_kept_and_dropped_where_keys_are_made_of_them(place: Place, store: Store) -> None:
    if place.kind not in ITEMS:
        return  # a column takes what a server makes, which is ASCII
    names = [b"a b", b"\r\n\0", b"\xff" * 100, b"x" * 300, b"x" * 301, b"abc", b"ABC", b"%41bc", b"a%b_\\"]
    store.apply([Put(job(name)) for name in names])
    assert handles(store) == names
    store.apply([Drop(name) for name in names])
    assert handles(store) == []


def test_an_updated_job_keeps_its_place(store: Store) -> None:
    store.apply([Put(job(b"1")), Put(job(b"2")), Update(b"1", 3)])
    assert [(one.handle, one.attempts) for one in store.replay()] == [(b"1", 3), (b"2", 0)]
