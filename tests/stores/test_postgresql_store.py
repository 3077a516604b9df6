"""What is particular to the store in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy import event

from gearbridge.errors import StoreUnavailable
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.node import Node
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from gearbridge.stores.base import ClaimableStore
    from tests.fixtures.postgres import Database
    from tests.fixtures.proxy import StartProxy


def test_a_replay_walks_the_primary_key_though_nobody_has_analyzed_the_table(empty_database: Database) -> None:
    store = store_for(empty_database.url)
    store.open()
    with empty_database.connect() as session:
        session.execute("ALTER TABLE gearbridge.gearbridge_job SET (autovacuum_enabled = off)")
        store.apply([Put(StoredJob(b"H:%d" % number, b"f", b"x" * 64)) for number in range(20_000)])
        assert sum(1 for _ in store.replay()) == 20_000
        store.close()  # and its session tells what it did
        walks = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'gearbridge_job_pkey'"
        wait_until(lambda: value(session, walks) >= 20, what="a walk of the primary key for each thousand rows")


def test_a_replay_leaves_the_planner_as_it_was(empty_database: Database) -> None:
    store = store_for(empty_database.url)
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b"")), Put(StoredJob(b"H:2", b"f", b""))])
    next(iter(store.replay()))  # one that is given up is no different
    raw = store._connection.connection.dbapi_connection  # type: ignore[attr-defined]
    assert raw.execute("SHOW enable_sort").fetchone() == ("on",)
    store.close()


def test_a_lone_job_is_written_though_a_pooler_has_forgotten_the_statements(empty_database: Database) -> None:
    store = store_for(empty_database.url)
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b"\0\xff"))])
    raw = store._connection.connection.dbapi_connection  # type: ignore[attr-defined]
    raw.execute("DEALLOCATE ALL")
    store.apply([Put(StoredJob(b"H:2", b"f", b"two"))])
    store.apply([Drop(b"H:1")])
    assert [(job.handle, job.payload) for job in store.replay()] == [(b"H:2", b"two")]
    store.close()


def test_a_connection_that_falls_silent_while_it_is_made_is_given_up(
    empty_database: Database, start_proxy: StartProxy
) -> None:
    port = empty_database.cluster.port
    proxy = start_proxy(port)
    store = cast("ClaimableStore", store_for(empty_database.url.replace(f":{port}/", f":{proxy.port}/")))
    store.open()

    def made(*_: object) -> None:
        proxy.fall_silent()

    engine = store._engine  # type: ignore[attr-defined]
    event.listen(engine, "connect", made, insert=True)
    store._disconnect()  # type: ignore[attr-defined]  # as after any broken connection
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.functions()
    event.remove(engine, "connect", made)
    assert store.functions() == []
    store.close()


@pytest.mark.parametrize("is_shared", [False, True])
def test_claims_never_walk_over_what_waits_or_is_dead_though_their_plans_are_those_of_an_empty_table(
    empty_database: Database, is_shared: bool
) -> None:
    url = empty_database.url
    store = cast("ClaimableStore", shared_store_for(url, Node("a", 60, "")) if is_shared else store_for(url))
    store.open()
    with empty_database.connect() as session:
        session.execute("ALTER TABLE gearbridge.gearbridge_job SET (autovacuum_enabled = off)")
        for _ in range(10):  # psycopg prepares, and PostgreSQL settles on a plan
            assert store.claim({b"f": 10}) == []
            assert store.prune(1, 1, 10) == 0
        fill = (
            "INSERT INTO gearbridge.gearbridge_job"
            " (handle, function, unique_key, priority, payload, due, attempts, reducer, state)"
            " SELECT %s || n, %s, '', 1, repeat('x', 64)::bytea, 0, 0, '', 1 FROM generate_series(1, 20000) AS n"
        )
        session.execute(fill, ("dead", "f"))
        session.execute("DELETE FROM gearbridge.gearbridge_job")
        session.execute(fill, ("waiting", "g"))
        session.execute(fill, ("S:", "f"))
        read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'gearbridge_job'"
        before = value(session, read)
        for _ in range(10):
            jobs = store.claim({b"f": 10})
            assert len(jobs) == 10
            store.apply([Drop(job.handle) for job in jobs])
            assert store.prune(1, 1, 10) == 0
        store.close()  # and its session tells what it did
        gone = "SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'gearbridge_job'"
        wait_until(lambda: value(session, gone) >= 20_100, what="the deleted rows to be counted")
        assert value(session, read) - before < 40_000  # the DELETE above walked over 20,000
