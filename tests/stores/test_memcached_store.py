"""What only memcached is: its limits, its log, its end."""

from __future__ import annotations

import logging

import pytest

from gearbridge.errors import ConfigurationError, StoreError, StoreUnavailable
from gearbridge.records import Put
from gearbridge.stores.registry import store_for
from tests.fixtures.memcached import Memcached

from .test_store_contract import handles, job


def test_prefixes_are_apart(memcached: Memcached) -> None:
    first, second = store_for(memcached.url("apart")), store_for(memcached.url("apart2"))
    first.open()
    second.open()
    first.apply([Put(job(b"1"))])
    second.apply([Put(job(b"2"))])
    assert (handles(first), handles(second)) == ([b"1"], [b"2"])
    first.close()
    second.close()


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
