"""A store in a PostgreSQL with a synchronous standby: what it returned for is on both, whatever came in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.errors import ConfigurationError, StoreUnavailable
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.server.config import ServerConfig
from gearbridge.server.opening import store_of
from gearbridge.stores.interface import Node, StandbyStore
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.postgres import frozen_postgres, value
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.records import Operation
    from gearbridge.stores.interface import Store
    from tests.fixtures.postgres import Database, Session
    from tests.fixtures.replicas import Pair

#: Sessions of ours whose commit waits for the standby.
_WAITING = "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> %s"

ONE = [Put(StoredJob(b"H:one", b"f", b"x"))]
SEVERAL = [Put(StoredJob(b"H:two", b"f", b"x")), Put(StoredJob(b"H:three", b"f", b"x")), Drop(b"H:none")]


@pytest.fixture
def store(pair: Pair) -> Iterator[Store]:
    store = store_for(pair.url)
    store.open()
    yield store
    store.apply([Drop(job.handle) for job in store.replay()])
    store.close()


@pytest.fixture
def sql(pair: Pair) -> Iterator[Session]:
    with pair.connect() as session:
        yield session


@pytest.mark.parametrize("group", [ONE, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("how", ["pg_terminate_backend", "pg_cancel_backend"])
def test_a_commit_that_the_standby_has_not_got_is_not_taken_for_done_when_it_is_asked_for_again(
    pair: Pair, store: Store, sql: Session, how: str, group: Sequence[Operation]
) -> None:
    def next_waiting(but: int = 0) -> Any:
        return wait_until(lambda: value(sql, _WAITING, but), what="a commit to wait for the standby")

    assert pair.standby
    with ThreadPoolExecutor(1) as thread, frozen_postgres(pair.standby):  # it thaws before the thread is waited for
        first = thread.submit(store.apply, group)
        pid = next_waiting()
        value(sql, f"SELECT {how}(%s)", pid)
        with pytest.raises(StoreUnavailable):
            first.result(30)
        handles = [operation.job.handle.decode() for operation in group if isinstance(operation, Put)]
        found = "SELECT count(*) FROM gearbridge.gearbridge_job WHERE handle = ANY (%s)"
        assert value(sql, found, handles) == len(handles), "the primary has it, and would lose it with its machine"
        again = thread.submit(store.apply, group)
        wait_until(lambda: again.done() or value(sql, _WAITING, pid), what="the next commit")
        assert not again.done()
    again.result(30)
    with pair.connect(pair.standby) as standby:
        assert value(standby, found, handles) == len(handles)


def test_a_standby_is_passed_over(pair: Pair) -> None:
    assert pair.standby
    ports = f":{pair.primary.port}", f":{pair.standby.port}"
    swapped = pair.url.replace(ports[0], ":X").replace(ports[1], ports[0]).replace(":X", ports[1])
    store = store_for(swapped)
    store.open()
    store.apply(ONE)
    store.apply([Drop(b"H:one")])
    store.close()


def test_a_standby_alone_is_no_store(pair: Pair) -> None:
    assert pair.standby
    with pytest.raises(
        ConfigurationError, match=r"cannot open the store .*takes no writes: it is a standby"
    ) as failure:
        store_for(pair.standby.url("jobs")).open()
    assert "postgresql://postgres@127" in str(failure.value)


@pytest.fixture(params=["alone", "node"])
def demanding(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store that takes nothing for written that no standby has."""
    node = Node("a", 60.0, "1.2.3")
    store = store_for(pair.url) if request.param == "alone" else shared_store_for(pair.url, node)
    assert isinstance(store, StandbyStore)
    store.require_synchronous()
    assert not store.traits.prompt, "nobody would look behind such a commit"
    yield store
    store.close()


@pytest.mark.parametrize("group", [ONE, SEVERAL], ids=["one", "several"])
def test_where_it_is_required_nothing_is_taken_for_written_while_no_standby_is_waited_for(
    pair: Pair, demanding: Store, sql: Session, group: Sequence[Operation]
) -> None:
    puts = [Put(one.job, spilled=True) for one in group if isinstance(one, Put)]
    pair.demand("")
    try:
        with pytest.raises(ConfigurationError, match=r"no standby is synchronous here"):
            demanding.open()
        pair.demand("*")
        demanding.open()
        demanding.apply(puts)
        demanding.apply([Drop(one.job.handle) for one in puts])
        with ThreadPoolExecutor(1) as thread:
            assert pair.standby
            with frozen_postgres(pair.standby):
                waiting = thread.submit(demanding.apply, puts)
                wait_until(lambda: value(sql, _WAITING, 0), what="the commit to wait for the standby")
                pair.demand("")  # as Patroni does when the standby is lost: PostgreSQL lets go of what waits
                with pytest.raises(StoreUnavailable, match=r"no standby is synchronous here"):
                    waiting.result(30)
                with pytest.raises(StoreUnavailable, match=r"no standby is synchronous here"):
                    demanding.apply(puts)
        pair.demand("*")
        demanding.apply(puts)
        with pair.connect(pair.standby) as standby:
            found = "SELECT count(*) FROM gearbridge.gearbridge_job WHERE handle = ANY (%s)"
            assert value(standby, found, [one.job.handle.decode() for one in puts]) == len(puts)
        demanding.apply([Drop(one.job.handle) for one in puts])
    finally:
        pair.demand("*")


@pytest.mark.parametrize("url", ["memory:", "sqlite:///jobs.db", "mysql://u@h/d", "memcached://h:1/p"])
def test_what_has_no_standbys_cannot_be_required_to_wait_for_one(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--require-synchronous is for PostgreSQL"):
        store_of(ServerConfig(store=url, require_synchronous=True))


@pytest.mark.parametrize("group", [ONE, SEVERAL], ids=["one", "several"])
def test_a_database_that_is_made_read_only_is_waited_for(empty_database: Database, group: Sequence[Operation]) -> None:
    store = store_for(empty_database.url)
    store.open()
    ours: Any = store
    ours._connection.connection.dbapi_connection.execute("SET default_transaction_read_only TO on")
    with empty_database.connect() as session:
        session.execute(f"ALTER DATABASE {empty_database.name} SET default_transaction_read_only TO on".encode())
    for _ in range(2):  # in the session that it happens to, and in the next one
        with pytest.raises(StoreUnavailable, match=r"read-only|takes no writes"):
            store.apply(group)
    with empty_database.connect() as session:
        session.execute("SET default_transaction_read_only TO off")
        session.execute(f"ALTER DATABASE {empty_database.name} RESET default_transaction_read_only".encode())
    store.apply(group)
    assert {job.handle for job in store.replay()} == {one.job.handle for one in group if isinstance(one, Put)}
    store.close()
