"""What is particular to the store in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from tests.fixtures.postgres import Database


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
