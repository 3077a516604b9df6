"""What only memcached is: its limits, its log, its end."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError, StoreError, StoreUnavailable
from gearbridge.records import Drop, Put, Update
from gearbridge.stores.memcached import connection as memcached_connection
from gearbridge.stores.memcached.connection import MemcachedConnection
from gearbridge.stores.registry import store_for
from tests.fixtures.memcached import Memcached
from tests.fixtures.processes import PATIENCE, wait_until

from .test_store_contract import handles, job

if TYPE_CHECKING:
    from collections.abc import Iterator


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


class Lister(threading.Thread):
    """Somebody else, who has a memcached list its keys, again and again until `ended` is set."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.listing = threading.Event()  # while a list comes in
        self._port = port

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as other, other.makefile("rb") as answers:
            while not self.ended.is_set():
                other.sendall(b"lru_crawler metadump hash\r\n")
                while not (line := answers.readline()).startswith((b"END", b"BUSY")):
                    assert line
                    self.listing.set()
                self.listing.clear()


@pytest.fixture
def busy() -> Iterator[tuple[Memcached, Lister]]:
    """A memcached that is mostly busy with lists of its keys."""
    with Memcached("-M", "-m", "256") as server:
        connection = MemcachedConnection("127.0.0.1", server.port)
        for _ in connection.pipeline([(b"set", b"other:%0200d" % number, b"x") for number in range(20_000)]):
            pass
        connection.close()
        lister = Lister(server.port)
        lister.start()
        yield server, lister
        lister.ended.set()
        lister.join()


def test_a_replay_waits_for_a_memcached_that_lists_its_keys_for_somebody_else(
    busy: tuple[Memcached, Lister], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server, lister = busy
    with closing(store_for(server.url())) as store, ThreadPoolExecutor(1) as pool:
        store.open()
        store.apply([Put(job(b"1"))])

        def replayed_after_a_while() -> bool:
            assert lister.listing.wait(PATIENCE)
            replay = pool.submit(handles, store)
            wait_until(lambda: replay.done() or "memcached is busy" in caplog.text)
            waited = not replay.done()
            if waited:
                lister.ended.set()
            assert replay.result(PATIENCE) == [b"1"]
            return waited

        wait_until(replayed_after_a_while)


def test_a_memcached_that_is_busy_for_too_long_is_said_to_be_so(
    busy: tuple[Memcached, Lister], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memcached_connection, "_BUSY_PATIENCE", 0.0)
    server, lister = busy
    with closing(store_for(server.url())) as store:
        store.open()

        def said() -> str:
            assert lister.listing.wait(PATIENCE)
            try:
                handles(store)
            except StoreUnavailable as error:
                return str(error)
            return ""

        assert "find the other client that runs `lru_crawler metadump`" in wait_until(said)


@pytest.mark.parametrize(
    "url",
    ["memcached:", "memcached://", "memcached://h:x/", "memcached://h/a:b", "memcached://h/a%20b", "memcached://h,/x"],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        store_for(url)


def test_jobs_are_spread_over_several_and_found_whatever_their_order(memcached: Memcached) -> None:
    with Memcached("-M") as second:
        one, other = f"127.0.0.1:{memcached.port}", f"127.0.0.1:{second.port}"
        names = [b"%d" % number for number in range(200)]
        with closing(store_for(f"memcached://{one},{other}/several")) as store:
            store.open()
            store.apply([Put(job(name)) for name in names])
            assert handles(store) == names
        for server in (memcached, second):
            with closing(store_for(server.url("several"))) as alone:
                alone.open()
                assert 20 < len(handles(alone)) < 180
        with closing(store_for(f"memcached://{other},{one}/several")) as turned:
            turned.open()
            assert handles(turned) == names
            turned.apply([Drop(name) for name in names[::2]] + [Update(names[1], 7), Put(job(names[3]))])
            left = list(turned.replay())
            assert [each.handle for each in left] == names[1::2]
            assert left[0].attempts == 7


def test_one_of_several_that_went_away_is_waited_for(memcached: Memcached, caplog: pytest.LogCaptureFixture) -> None:
    with Memcached("-M") as second, closing(store_for(f"{memcached.url('away')}")) as alone:
        url = f"memcached://127.0.0.1:{memcached.port},127.0.0.1:{second.port}/away"
        with closing(store_for(url)) as store:
            store.open()
            group = [Put(job(b"%d" % number)) for number in range(100)]
            store.apply(group)
            second.kill()
            with pytest.raises(StoreUnavailable):
                store.apply([Drop(b"%d" % number) for number in range(100)])
            second.start()
            store.apply(group)
            assert sorted(handles(store)) == sorted(b"%d" % number for number in range(100))
            assert "memcached was restarted and has lost its jobs" in caplog.text
            store.apply([Drop(b"%d" % number) for number in range(100)])
        alone.open()
        assert handles(alone) == []
