"""What is particular to the store in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from psycopg import OperationalError
from psycopg.errors import AdminShutdown, PipelineAborted, UniqueViolation
from psycopg.pq import TransactionStatus

from gearbridge.errors import StoreError, StoreUnavailable
from gearbridge.records import Drop, Progress, Put, StoredJob, Update
from gearbridge.stores.interface import Node
from gearbridge.stores.postgresql import sessions
from gearbridge.stores.postgresql.replication import is_unavailable, refuse_standby
from gearbridge.stores.postgresql.transactions import rolling_back
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.postgres import make_database, value
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from gearbridge.extension.cluster import TemporaryCluster
    from gearbridge.records import Operation
    from gearbridge.stores.interface import ClaimableStore
    from tests.fixtures.postgres import Database
    from tests.fixtures.proxy import StartProxy


#: Settings that a database may have for all sessions, and those of sessions of ours.
SETTINGS = {
    "statement_timeout": ("10s", "0"),
    "idle_session_timeout": ("10s", "0"),
    "default_transaction_isolation": ("serializable", "read committed"),
    "quote_all_identifiers": ("on", "off"),
    "standard_conforming_strings": ("off", None),
    "bytea_output": ("escape", None),
    "search_path": ("pg_catalog", "gearbridge"),
    "transaction_timeout": ("10s", "0"),  # PostgreSQL 17 and later
}


@pytest.mark.parametrize("node", [False, True], ids=["alone", "node"])
@pytest.mark.parametrize("version", ["system", "18"])
def test_no_setting_of_the_database_changes_what_is_kept(
    request: pytest.FixtureRequest, version: str, node: bool
) -> None:
    database = make_database(request.getfixturevalue(f"postgres_{version}"))
    with database.connect() as session:
        known = value(session, "SELECT array_agg(name) FROM pg_settings WHERE name = ANY (%s)", [*SETTINGS])
        for name in known:
            session.execute(f"ALTER DATABASE {database.name} SET {name} TO '{SETTINGS[name][0]}'".encode())
    for _ in range(2):  # the second time the tables are looked at
        store = shared_store_for(database.url, Node("a", 60, "1")) if node else store_for(database.url)
        store.open()
        raw = store._connection.connection.dbapi_connection  # type: ignore[attr-defined]
        found = {name: raw.execute(f"SHOW {name}").fetchone()[0] for name in known}
        assert found == {name: SETTINGS[name][1] or SETTINGS[name][0] for name in known}
        claimable = cast("ClaimableStore", store)
        store.apply([Put(StoredJob(b"H:1", b"a\\b", b"\0'\\\xff", b"k\\"), spilled=True)])
        (job,) = claimable.claim({b"a\\b": 10})
        assert (job.payload, job.unique_key) == (b"\0'\\\xff", b"k\\")
        store.apply([Drop(b"H:1")])
        store.close()


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


def test_a_group_that_is_rolled_back_leaves_what_was_prepared(empty_database: Database) -> None:
    store = store_for(empty_database.url)
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b"one"))])
    raw = store._connection.connection.dbapi_connection  # type: ignore[attr-defined]
    for number in range(3):
        store.apply([Put(StoredJob(b"H:%d" % (10 + number), b"f", b"")), Drop(b"H:%d" % (10 + number))])
        with pytest.raises(StoreError):
            store.apply([Put(StoredJob(b"H:1", b"f", b"another")), Drop(b"H:9")])
        store.apply([Put(StoredJob(b"H:%d" % (20 + number), b"f", b""))])
        store.apply([Drop(b"H:%d" % (20 + number))])
    names = {name for (name,) in raw.execute("SELECT name FROM pg_prepared_statements")}
    assert names >= {"gearbridge_put", "gearbridge_put_beyond", "gearbridge_drop"}
    raw.execute("DEALLOCATE ALL")  # by somebody else: one job meets an error, and the next finds them again
    for number in range(2):
        store.apply([Put(StoredJob(b"H:%d" % (30 + number), b"f", b""))])
    assert value(raw, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'gearbridge_put'") == 1
    store.close()


def test_a_connection_that_falls_silent_while_it_is_made_is_given_up(
    empty_database: Database, start_proxy: StartProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = empty_database.cluster.port
    proxy = start_proxy(port)
    store = cast("ClaimableStore", store_for(empty_database.url.replace(f":{port}/", f":{proxy.port}/")))
    store.open()
    silent: list[int] = []

    def silent_from_now_on(connection: object) -> None:
        silent.append(proxy.fall_silent())
        refuse_standby(connection)

    store._disconnect()  # type: ignore[attr-defined]  # as after any broken connection
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "refuse_standby", silent_from_now_on)  # the first step of setting up a session
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.functions()
    assert silent
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


def test_a_statement_that_a_failed_group_did_not_come_to_is_prepared_by_the_next(empty_database: Database) -> None:
    beside: list[Operation] = [Update(b"H:2", 1), Progress(b"H:3", 1, 2), Drop(b"H:4")]
    store = store_for(empty_database.url)
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b"ours"))])
    for _ in range(2):
        with pytest.raises(StoreError, match="another job has this handle"):
            store.apply([Put(StoredJob(b"H:1", b"f", b"theirs")), *beside])
    store.apply([Put(StoredJob(b"H:2", b"f", b"")), *beside])
    assert [(job.handle, job.attempts) for job in store.replay()] == [(b"H:1", 0), (b"H:2", 1)]
    store.close()


def test_what_libpq_itself_refuses_is_an_outage_and_no_fault_of_a_job(empty_database: Database) -> None:
    with empty_database.connect() as session:
        session.pgconn.enter_pipeline_mode()
        with pytest.raises(OperationalError) as refused:
            session.pgconn.exec_prepared(b"gearbridge_put", [])
    assert is_unavailable(refused.value)
    assert is_unavailable(AdminShutdown())
    assert not is_unavailable(PipelineAborted())
    assert not is_unavailable(UniqueViolation())


def test_a_block_that_ends_in_a_pipeline_closes_the_connection(empty_database: Database) -> None:
    with empty_database.connect() as session:
        with pytest.raises(ZeroDivisionError), rolling_back(session):  # noqa: PT012  what the block does is tested
            session.pgconn.enter_pipeline_mode()
            raise ZeroDivisionError
        assert session.closed
    with empty_database.connect() as session:
        with pytest.raises(ZeroDivisionError), rolling_back(session):  # noqa: PT012  what the block does is tested
            session.execute("BEGIN")
            raise ZeroDivisionError
        assert not session.closed
        assert session.info.transaction_status == TransactionStatus.IDLE


@pytest.mark.parametrize("node", [False, True], ids=["alone", "node"])
def test_a_lone_job_whose_answer_was_lost_leaves_no_error_in_the_log(
    empty_database: Database, postgres_cluster: TemporaryCluster, node: bool
) -> None:
    def errors() -> int:
        return postgres_cluster.log.read_text(encoding="utf-8", errors="replace").count("ERROR:")

    store = shared_store_for(empty_database.url, Node("a", 60, "1")) if node else store_for(empty_database.url)
    store.open()
    job = Put(StoredJob(b"H:1", b"f", b""), spilled=True)
    store.apply([Put(StoredJob(b"H:0", b"f", b""), spilled=True)])
    store.apply([job])
    before = errors()
    for _ in range(2):
        store._disconnect()  # type: ignore[attr-defined]
        store.apply([job])
    assert errors() == before
    assert [job.handle for job in cast("ClaimableStore", store).claim({b"f": 10})] == [b"H:0", b"H:1"]
    store.close()
