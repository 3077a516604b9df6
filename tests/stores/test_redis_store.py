"""What only Redis is: its lease and fence, its settings, its log, its end."""

from __future__ import annotations

import logging
import select
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis as Client

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse, StoreUnavailable
from gearbridge.moving.transfer import import_jobs, open_store
from gearbridge.records import Drop, Put, Update
from gearbridge.stores.redis import session as redis_session
from gearbridge.stores.redis.store import RedisStore
from gearbridge.stores.redis.urls import redis_place
from gearbridge.stores.registry import store_for
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.redis import Redis
from tests.fixtures.server import GearbridgeServer

from .test_store_contract import handles, job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="redis", params=["redis", "valkey"])
def redis_or_valkey(request: pytest.FixtureRequest, redis: Redis) -> Redis:
    """The servers for all tests, of the one kind and of the other."""
    return redis if request.param == "redis" else request.getfixturevalue("valkey")


@pytest.fixture
def client(redis: Redis) -> Iterator[Any]:
    """A session of somebody else's."""
    with Client(port=redis.port) as session:
        yield session


def opened(url: str) -> RedisStore:
    store = store_for(url)
    assert isinstance(store, RedisStore)
    store.open()
    return store


def hangs_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    return bool(poll.poll(PATIENCE * 1000))


def sleeps(store: RedisStore) -> None:
    """Let a store renew its lease no more, as a process that is stopped."""
    store._session._closing.set()
    assert store._session._renewing
    store._session._renewing.join()


def test_an_owner_that_slept_longer_than_its_lease_writes_nothing(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_session, "_LEASE", 0.3)
    url = redis.url("slept")
    with closing(opened(url)) as first, closing(store_for(url)) as second:
        first.apply([Put(job(b"1")), Put(job(b"2"))])
        descriptor = first.own()
        sleeps(first)
        monkeypatch.setattr(redis_session, "_LEASE", 600.0)  # the second one's does not end while the test goes on

        def taken() -> bool:
            try:
                second.open()
            except StoreInUse:
                return False
            return True

        wait_until(taken, what="the lease to end")
        assert hangs_up(descriptor), "its session is ended, so it sees that before it gives out a job"
        for one in (Put(job(b"3")), Drop(b"1"), Update(b"2", 9)):
            with pytest.raises(StoreInUse, match="in use by another gearbridge server"):
                first.apply([one])
        with pytest.raises(StoreInUse):
            first.own()
        assert [(each.handle, each.attempts) for each in second.replay()] == [(b"1", 0), (b"2", 0)]
        first.close()  # gives up nothing that is another's
        second.apply([Drop(b"1")])
        with pytest.raises(StoreInUse):
            store_for(url).open()


def test_an_owner_finds_out_by_itself(redis: Redis, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_session, "_RENEWAL", 0.05)
    with closing(opened(redis.url("itself"))) as store:
        descriptor = store.own()
        client.hset("{itself}:owner", "token", "another's")
        assert hangs_up(descriptor)
        with pytest.raises(StoreInUse):
            store.own()


def test_a_lease_that_cannot_be_renewed_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_session, "_RENEWAL", 0.05)
    monkeypatch.setattr(redis_session, "_COUNTED", 0.3)
    with Redis() as server, closing(opened(server.url("x"))) as store:
        descriptor = store.own()
        with Client(port=server.port) as client:
            client.config_set("maxmemory", 1)  # refuses what writes, and lets the connection be
        assert hangs_up(descriptor)
        with pytest.raises(StoreError, match="maxmemory"):
            store.own()
        with Client(port=server.port) as client:
            client.config_set("maxmemory", 0)
        assert store.own()


def test_an_owner_whose_session_has_ended_is_replaced_at_once(redis: Redis, client: Any) -> None:
    url = redis.url("ended")
    first = opened(url)
    first.apply([Put(job(b"1"))])
    sleeps(first)
    first._session.client.close()  # as by kill -9: nothing is given up
    with closing(opened(url)) as second:
        assert handles(second) == [b"1"]


def test_a_lease_counts_where_sessions_cannot_be_listed(redis: Redis, client: Any) -> None:
    client.acl_setuser(
        "plain", enabled=True, passwords=["+pw"], keys=["*"], categories=["+@all"], commands=["-client|list"]
    )
    url = redis.url("acl").replace("://", "://plain:pw@")
    first = opened(url)
    sleeps(first)
    first._session.client.close()
    with pytest.raises(StoreInUse):
        store_for(url).open()


def test_what_redis_lost_is_said_and_it_goes_on(redis: Redis, client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with closing(opened(redis.url("lost"))) as store:
        store.apply([Put(job(b"1"))])
        client.delete("{lost}:owner", "{lost}:jobs")
        store.apply([Put(job(b"2")), Drop(b"1")])
        assert "lost all jobs under the prefix lost" in caplog.text
        assert handles(store) == [b"2"]
        store.own()


def test_scripts_come_back_with_redis_and_jobs_too() -> None:
    with Redis() as server, closing(opened(server.url())) as store:
        store.apply([Put(job(b"1"))])
        server.kill()
        with pytest.raises(StoreUnavailable, match=r"Redis at 127\.0\.0\.1"):
            store.apply([Put(job(b"2"))])
        server.start()
        wait_until(lambda: _applied(store, [Put(job(b"3"))]), what="Redis to be back")
        assert handles(store) == [b"1", b"3"]


def _applied(store: RedisStore, group: list[Any]) -> bool:
    try:
        store.apply(group)
    except StoreUnavailable:
        return False
    return True


def test_a_replica_counts_as_away(redis: Redis) -> None:
    with Redis() as server, closing(opened(server.url())) as store, Client(port=server.port) as client:
        client.replicaof("127.0.0.1", "1")
        with pytest.raises(StoreUnavailable, match="read only"):
            store.apply([Put(job(b"1"))])
        client.replicaof("NO", "ONE")
        store.apply([Put(job(b"1"))])
        assert handles(store) == [b"1"]


def test_a_full_redis_refuses_jobs_and_lets_them_end(caplog: pytest.LogCaptureFixture) -> None:
    with Redis("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru") as server:
        with closing(opened(server.url())):
            assert "evicts jobs" in caplog.text
        with Client(port=server.port) as client:
            client.config_set("maxmemory-policy", "noeviction")
        with closing(opened(server.url())) as store:
            store.apply([Put(job(b"0"))])

            def fill() -> None:
                for number in range(1, 100):
                    store.apply([Put(job(b"%d" % number, b"x" * 100_000))])

            with pytest.raises(StoreError, match="maxmemory") as refused:
                fill()
            assert not isinstance(refused.value, StoreUnavailable)
            store.apply([Drop(b"0"), Drop(b"1")])
            assert handles(store)[0] == b"2"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), ""),
        (("--appendfsync", "everysec"), "not Redis's own (appendfsync everysec)"),
        (("--appendonly", "no"), "not Redis's own (appendonly no)"),
        (("--rename-command", "CONFIG", ""), "not Redis's own (appendonly unknown, appendfsync unknown"),
    ],
)
def test_the_log_says_what_is_not_promised(
    options: tuple[str, ...], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis(*options) as server, caplog.at_level(logging.WARNING), closing(opened(server.url())) as store:
        store.apply([Put(job(b"1"))])
    assert says in caplog.text
    assert bool(caplog.text) == bool(says)


def test_a_password_is_taken_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Redis(password="p@s:s/w") as server:
        url = f"redis://:p%40s%3As%2Fw@127.0.0.1:{server.port}/3?prefix=x"
        with closing(opened(url)) as store:
            store.apply([Put(job(b"1"))])
        wrong = url.replace("w@", "secret@")
        with pytest.raises(
            ConfigurationError, match=f"cannot open the store redis://127.0.0.1:{server.port}/3: "
        ) as error:
            store_for(wrong).open()
    assert "secret" not in str(error.value)
    assert "s/w" not in caplog.text


def test_jobs_are_moved_in_and_out(redis: Redis) -> None:
    with open_store(redis.url("moved")) as store:
        assert import_jobs(store, [job(b"%d" % number) for number in range(1500)], lambda _: None) == (1500, 0)
        assert import_jobs(store, [job(b"7"), job(b"x")], lambda _: None) == (1, 1)
        assert handles(store) == [b"%d" % number for number in range(1500)] + [b"x"]


def test_parts_of_a_url() -> None:
    assert redis_place("redis://h")[:6] == ("h", 6379, 0, "gearbridge", None, None)
    assert redis_place("redis://u%40:p%2F@[::1]:1/5?prefix=a%2Fb")[:6] == ("::1", 1, 5, "a/b", "u@", "p/")
    assert redis_place("rediss://h/1?ssl_ca_certs=/a.pem")[6:] == (True, {"ssl_ca_certs": "/a.pem"})


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://:secret@h:port",
        "redis://:se@cret@h",
        "redis://:secret@h/x",
        "redis://:secret@h/-1",
        "redis://:secret@h?prefix=a%20b",
        "redis://:secret@h?prefix",
        "redis://:secret@h?secret=1",
        "redis://:secret@h#secret",
        "redis://:secret@h?ssl_ca_certs=/x",
    ],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        store_for(url)
    assert "://:" not in str(error.value).replace("redis://[USER:PASSWORD@]", "")
    assert "cret@" not in str(error.value)


def test_without_the_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'gearbridge\[redis\]'"):
        store_for("redis://h")


def test_a_server_stops_when_its_prefix_is_another_servers(redis: Redis, client: Any, tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--store", redis.url("stops")) as server:
        client.hset("{stops}:owner", "token", "another's")
        assert server.process
        assert server.process.wait() == 1
        assert "the server is stopping: the prefix is in use by another gearbridge server" in server.process.stderr
