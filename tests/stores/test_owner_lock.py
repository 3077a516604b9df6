"""Who owns the job table: a lock that other roles can neither name beforehand nor keep from its owner."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from gearbridge.errors import ConfigurationError, StoreInUse
from gearbridge.records import Put, StoredJob
from gearbridge.stores.jobtable.schema import WAKE_LOCK
from gearbridge.stores.postgresql.owner_lock import LOCK_CLASS
from gearbridge.stores.registry import store_for
from tests.fixtures.mysql import SERVERS

from .place import Place, make_place
from .sharing import nodes, spilled

if TYPE_CHECKING:
    from pathlib import Path

    from gearbridge.stores.interface import Store
    from tests.fixtures.postgres import Database, Session

KEY = "SELECT lock_key FROM gearbridge_schema"


@pytest.fixture(params=["postgresql", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """The databases whose lock is a session's."""
    return make_place(request, str(request.param), tmp_path / "none")


@pytest.fixture
def stranger(empty_database: Database) -> Session:
    """A session of a role without any right."""
    with empty_database.connect() as session:
        session.execute("DO $$ BEGIN CREATE ROLE lock_stranger; EXCEPTION WHEN duplicate_object THEN END $$")
        session.execute("ALTER ROLE lock_stranger LOGIN PASSWORD 'stranger'")
    url = empty_database.cluster.url(empty_database.name, "lock_stranger:stranger")
    return psycopg.connect(url, autocommit=True)


def _opened(url: str) -> Store:
    store = store_for(url)
    store.open()
    return store


def _key(place: Place) -> int:
    with place.connect() as connection:
        key: int = connection.exec_driver_sql(KEY).scalar_one()
    return key


def test_each_taking_draws_another_key(place: Place) -> None:
    keys = set()
    for _ in range(3):
        _opened(place.url).close()
        keys.add(_key(place))
    with nodes(place, "a"):
        keys.add(_key(place))
    assert len(keys) == 4
    assert 0 not in keys


def test_a_second_server_is_refused_with_the_session_of_the_first(place: Place) -> None:
    first = _opened(place.url)
    number = first._session(first._at_hand()).number  # type: ignore[attr-defined]
    with pytest.raises(StoreInUse, match=rf"in use by another .*(session|connection) {number}\b"):
        store_for(place.url).open()
    first.close()


def test_a_start_waits_for_the_session_of_a_server_that_has_just_stopped(place: Place) -> None:
    first = _opened(place.url)
    second: Any = store_for(place.url)
    try_lock = second._try_lock

    def try_once(connection: Any) -> str | None:
        holder: str | None = try_lock(connection)
        second._try_lock = try_lock
        first.close()
        return holder

    second._try_lock = try_once
    second.open()
    second.close()


def _end_session(place: Place, store: Any) -> None:
    number = store._session(store._at_hand()).number
    place.run(f"SELECT pg_terminate_backend({number})" if place.kind == "postgresql" else f"KILL {number}")


def test_an_owner_whose_session_ended_comes_back(place: Place) -> None:
    store = _opened(place.url)
    for number in range(2):
        _end_session(place, store)
        store._disconnect()  # type: ignore[attr-defined]
        store.apply([Put(StoredJob(b"H:%d" % number, b"f", b""))])
    with pytest.raises(StoreInUse):
        store_for(place.url).open()
    store.close()


def test_an_owner_comes_back_though_its_former_session_is_there_still(place: Place) -> None:
    store: Any = _opened(place.url)
    former, store._connection = store._connection, None  # as behind a broken connection, of which the database knows
    store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    with pytest.raises(StoreInUse):
        store_for(place.url).open()
    former.invalidate()
    store.close()


@pytest.mark.parametrize("still_there", [True, False])
def test_an_owner_that_was_followed_by_another_one_does_not_come_back(place: Place, still_there: bool) -> None:
    store = _opened(place.url)
    _end_session(place, store)
    store._disconnect()  # type: ignore[attr-defined]
    follower = _opened(place.url)
    if not still_there:  # it has been the owner, and may have done all that the first one remembers
        follower.close()
    with pytest.raises(StoreInUse, match="since our session ended"):
        store.apply([Put(StoredJob(b"H:1", b"f", b""))])
    store.close()
    if still_there:
        follower.close()


def test_a_role_without_rights_keeps_nobody_from_the_table(
    empty_database: Database, stranger: Session, caplog: pytest.LogCaptureFixture
) -> None:
    store = _opened(empty_database.url)
    with stranger, empty_database.connect() as session:
        seen = session.execute("SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory'").fetchall()
        store.close()
        for (number,) in [*seen, (1,)]:
            stranger.execute("SELECT pg_advisory_lock(%s::int, %s::int)", (LOCK_CLASS, number))
        stranger.execute("SELECT pg_advisory_lock(%s::bigint)", (LOCK_CLASS,))
        with caplog.at_level(logging.WARNING):
            _opened(empty_database.url).close()
        assert "role lock_stranger" in caplog.text
        with nodes(Place("postgresql", empty_database.url), "a") as (a,):
            assert [one.name for one in a.nodes()] == ["a"]


def test_a_waiting_lock_of_a_role_without_rights_does_not_follow_the_owner(
    empty_database: Database, stranger: Session
) -> None:
    store = _opened(empty_database.url)
    with stranger, empty_database.connect() as session:
        (key,) = session.execute("SELECT lock_key FROM gearbridge.gearbridge_schema").fetchone() or (0,)
        stranger.pgconn.send_query(f"SELECT pg_advisory_lock({LOCK_CLASS}, {key})".encode())  # and waits
        store.close()
        while stranger.pgconn.get_result() is not None:
            pass
        _opened(empty_database.url).close()


def test_a_user_of_mysql_that_holds_the_name_has_not_taken_the_table(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = make_place(request, "mariadb", tmp_path / "none")
    _opened(place.url).close()
    with place.connect() as connection:
        name = f"CONCAT('gearbridge.', LEFT(SHA2(CONCAT(DATABASE(), ':', {_key(place)}), 256), 48))"
        assert connection.exec_driver_sql(f"SELECT GET_LOCK({name}, 0)").scalar() == 1
        making = "SELECT GET_LOCK(CONCAT('gearbridge.make.', DATABASE()), 0)"
        assert connection.exec_driver_sql(making).scalar() == 1
        store = _opened(place.url)
        assert "does not own the table: ignored" in caplog.text
        with pytest.raises(StoreInUse):
            store_for(place.url).open()
        store.close()


def test_a_copy_of_a_database_on_the_same_host_of_mysql_has_a_lock_of_its_own(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place, copy = (make_place(request, "mariadb", tmp_path / "none") for _ in range(2))
    store = _opened(place.url)
    _opened(copy.url).close()
    with place.connect() as connection:
        row = connection.exec_driver_sql("SELECT lock_key, lock_session FROM gearbridge_schema").one()
    copy.run(f"UPDATE gearbridge_schema SET lock_key = {row[0]}, lock_session = {row[1]}")
    _opened(copy.url).close()
    store.close()


def test_the_wake_up_lock_in_a_strangers_hands_stops_neither_server_nor_commit(
    empty_database: Database, stranger: Session
) -> None:
    store = _opened(empty_database.url)
    with stranger, empty_database.connect() as session:
        (table,) = session.execute("SELECT 'gearbridge.gearbridge_job'::regclass::oid::int").fetchone() or (0,)
        stranger.execute("SELECT pg_advisory_lock(%s::int, %s::int)", (WAKE_LOCK, table))
        wakeup = store.wakeup()  # type: ignore[attr-defined]
        assert not wakeup.arm()
        wakeup.close()
        store.apply([Put(StoredJob(b"H:1", b"f", b""), spilled=True)])
        assert [job.handle for job in store.claim({b"f": 1})] == [b"H:1"]  # type: ignore[attr-defined]
        store.close()
        with nodes(Place("postgresql", empty_database.url), "a") as (a,):
            a.apply([spilled("H:2")])
            assert [job.handle for job in a.claim({b"f": 9})] == [b"H:1", b"H:2"]


def test_a_start_that_waits_for_a_lock_of_the_tables_says_who_has_it(empty_database: Database) -> None:
    _opened(empty_database.url).close()
    with empty_database.connect() as session:
        session.execute("SET application_name TO 'somebody'")
        number = session.info.backend_pid
        session.execute("BEGIN")
        session.execute("LOCK TABLE gearbridge.gearbridge_schema IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ConfigurationError, match=rf"held by: session {number}, role postgres, somebody"):
            store_for(empty_database.url).open()
        session.execute("ROLLBACK")
    _opened(empty_database.url).close()


def test_servers_that_start_together_make_the_tables_once(empty_database: Database) -> None:
    def start(_number: int) -> Store | None:
        try:
            return _opened(empty_database.url)
        except StoreInUse:
            return None

    with ThreadPoolExecutor(4) as threads:
        opened = [store for store in threads.map(start, range(4)) if store is not None]
    assert len(opened) == 1
    opened[0].close()
