"""The contract over memcached, and what only memcached is: its limits, its log, its end."""

from __future__ import annotations

import logging
from itertools import count
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError, StoreError, StoreUnavailable
from gearbridge.records import Drop, Put, Update
from gearbridge.stores.registry import store_for
from tests.fixtures.memcached import Memcached

from .place import Place
from .test_store_contract import (  # the contract's tests, run here with this file's `place` and `store`
    handles,
    job,
    test_a_group_may_be_applied_again,
    test_a_store_that_is_not_open_says_so,
    test_an_update_sets_the_attempts,
    test_groups_of_any_size_are_kept_and_dropped,
    test_jobs_without_unique_keys_do_not_overwrite_each_other,
    test_large_payloads,
    test_names_of_every_kind_survive,
    test_order_is_order_of_submission_after_drops_too,
    test_the_order_of_operations_on_one_handle_is_their_meaning,
    test_what_is_put_is_there_after_reopening_entire_and_in_order,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.base import Store

__all__ = [
    "test_a_group_may_be_applied_again",
    "test_a_store_that_is_not_open_says_so",
    "test_an_update_sets_the_attempts",
    "test_groups_of_any_size_are_kept_and_dropped",
    "test_jobs_without_unique_keys_do_not_overwrite_each_other",
    "test_large_payloads",
    "test_names_of_every_kind_survive",
    "test_order_is_order_of_submission_after_drops_too",
    "test_the_order_of_operations_on_one_handle_is_their_meaning",
    "test_what_is_put_is_there_after_reopening_entire_and_in_order",
]

_prefixes = count(1)


@pytest.fixture
def place(memcached: Memcached) -> Place:
    return Place("memcached", memcached.url(f"test{next(_prefixes)}"))


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    store = place.store()
    store.open()
    yield store
    store.close()


def test_prefixes_are_apart(memcached: Memcached) -> None:
    first, second = store_for(memcached.url("apart")), store_for(memcached.url("apart2"))
    first.open()
    second.open()
    first.apply([Put(job(b"1"))])
    second.apply([Put(job(b"2"))])
    assert (handles(first), handles(second)) == ([b"1"], [b"2"])
    first.close()
    second.close()


def test_any_handle_makes_a_key(store: Store) -> None:
    names = [b"a b", b"\r\n\0", b"\xff" * 100, b"x" * 300, b"x" * 301]
    store.apply([Put(job(name)) for name in names])
    assert handles(store) == names
    store.apply([Drop(name) for name in names])
    assert handles(store) == []


def test_an_updated_job_keeps_its_place(store: Store) -> None:
    store.apply([Put(job(b"1")), Put(job(b"2")), Update(b"1", 3)])
    assert [(one.handle, one.attempts) for one in store.replay()] == [(b"1", 3), (b"2", 0)]


def test_the_largest_payload_is_what_the_abilities_say(store: Store) -> None:
    largest = store.abilities.max_payload
    assert largest is not None
    store.apply([Put(job(b"fits", b"x" * largest))])
    with pytest.raises(StoreError, match="-I"):
        store.apply([Put(job(b"over", b"x" * (largest + 1)))])
    assert handles(store) == [b"fits"]


@pytest.mark.parametrize(("options", "says"), [((), "forgets jobs"), (("-M",), "not memcached's own")])
def test_the_log_says_what_is_not_promised(
    caplog: pytest.LogCaptureFixture, options: tuple[str, ...], says: str
) -> None:
    with Memcached(*options) as server, caplog.at_level(logging.WARNING):
        store = store_for(server.url())
        store.open()
        store.close()
    assert says in caplog.text
    assert ("forgets jobs" in caplog.text) == (not options)


def test_a_full_memcached_refuses_jobs_and_keeps_those_it_has() -> None:
    with Memcached("-M", "-m", "2") as server:
        store = store_for(server.url())
        store.open()
        kept: list[bytes] = []

        def fill() -> None:
            for number in range(10_000):
                store.apply([Put(job(b"%d" % number, b"x" * 10_000))])
                kept.append(b"%d" % number)

        with pytest.raises(StoreError, match="out of memory"):
            fill()
        assert kept
        assert handles(store) == kept
        store.close()


def test_a_memcached_that_went_away_is_unavailable_and_taken_again_when_it_is_back() -> None:
    with Memcached("-M") as server:
        store = store_for(server.url())
        store.open()
        store.apply([Put(job(b"lost"))])
        server.kill()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.apply([Put(job(b"1"))])
        server.start()
        store.apply([Put(job(b"1"))])
        assert handles(store) == [b"1"]  # what it had before its end is gone: that is what the log said at open
        store.close()


@pytest.mark.parametrize(
    "url", ["memcached:", "memcached://", "memcached://h:x/", "memcached://h/a:b", "memcached://h/a%20b"]
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        store_for(url)
