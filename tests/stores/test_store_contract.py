"""What a store is, over every store: the same suite for all, by what their abilities promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.records import Drop, Operation, Put, StoredJob, Update
from gearbridge.stores.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from gearbridge.stores.base import Store

    from .place import Place


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


def test_a_group_may_be_applied_again(store: Store) -> None:
    group: list[Operation] = [Put(job(b"1", b"x")), Put(job(b"2", b"y")), Drop(b"2"), Drop(b"never")]
    store.apply(group)
    store.apply(group)
    assert [(one.handle, one.payload) for one in store.replay()] == [(b"1", b"x")]


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


def test_large_payloads(store: Store) -> None:
    payload = bytes(range(256)) * 40_000
    store.apply([Put(job(b"1", payload))])
    assert [one.payload for one in store.replay()] == [payload]


def test_a_group_is_all_or_nothing(store: Store) -> None:
    assert store.abilities.transactional
    store.apply([Put(job(b"before"))])
    bad = job(b"bad")
    bad.priority = None  # type: ignore[assignment]  # what no store takes
    with pytest.raises((StoreError, TypeError)):
        store.apply([Put(job(b"good")), Drop(b"before"), Put(bad)])
    assert handles(store) == [b"before"]
    store.apply([Put(job(b"after"))])
    assert handles(store) == [b"before", b"after"]


def test_a_store_of_another_version_is_refused(place: Place, store: Store) -> None:
    store.close()
    place.run("UPDATE gearbridge_schema SET version = 99")
    with pytest.raises(ConfigurationError, match=f"version 99.*version {SCHEMA_VERSION}"):
        place.store().open()


def test_a_store_that_is_not_open_says_so(place: Place) -> None:
    with pytest.raises(StoreError, match="not open"):
        place.store().apply([Drop(b"1")])


def test_one_server_at_a_time_has_the_table(place: Place, store: Store) -> None:
    if place.kind == "plain":
        return  # the plain path is of no database that servers are told to use
    second = place.store()
    with pytest.raises(ConfigurationError, match="in use by another gearbridge server"):
        second.open()
    store.close()
    second.open()
    second.close()
