"""What only MySQL's InnoDB memcached interface is: its traps, each seen on MySQL 5.6, and what is checked at open.

MySQL is a MariaDB with a stand-in for the plugin here; tests/fixtures/_innodb_plugin.py says what that is.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse, StoreUnavailable
from gearbridge.persistence.apply_group import apply_group
from gearbridge.records import Drop, Operation, Put, Update
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.innodb_memcached.session import SQLSession
from gearbridge.stores.memcached.connection import MemcachedConnection
from gearbridge.stores.registry import store_for
from tests.fixtures.innodb_memcached import InnoDBMemcached
from tests.fixtures.mariadb import MariaDB

from .test_store_contract import handles, job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.interface import Store


@pytest.fixture
def mysql(mariadb: MariaDB) -> Iterator[InnoDBMemcached]:
    """One of the test's own, that it may change."""
    with InnoDBMemcached(mariadb) as mysql:
        yield mysql


@pytest.fixture
def store(mysql: InnoDBMemcached) -> Iterator[Store]:
    store = store_for(mysql.url("q"))
    store.open()
    yield store
    store.close()


def wrong(mysql: InnoDBMemcached, options: str = "") -> str:
    """Why the store cannot be opened."""
    with pytest.raises(ConfigurationError) as caught:
        store_for(mysql.url("q", options)).open()
    assert "reader:reader" not in str(caught.value), "the password"
    return str(caught.value)


# Locked rows.


@pytest.mark.parametrize("operation", [Drop(b"1"), Update(b"1", 7)], ids=["drop", "update"])
def test_a_locked_row_is_not_gone_and_others_go_on(mysql: InnoDBMemcached, store: Store, operation: Operation) -> None:
    store.apply([Put(job(b"1")), Put(job(b"2"))])
    with mysql.locked("id = 'q:1'"):
        with pytest.raises(StoreError, match="locked by a transaction, and tried again later: q:1") as caught:
            store.apply([operation])
        assert not isinstance(caught.value, StoreUnavailable), "it is no reason for others to wait"
        kept, errors = apply_group(store, [], [operation, Put(job(b"3")), Drop(b"2")])
        assert (kept, errors) == ([operation], {})
        assert handles(store) == [b"1", b"3"]
    assert apply_group(store, kept, []) == ([], {})
    assert [(one.handle, one.attempts) for one in store.replay()][-2:] == (
        [(b"3", 0)] if operation == Drop(b"1") else [(b"1", 7), (b"3", 0)]
    )


def test_a_locked_table_is_waited_for(mysql: InnoDBMemcached, store: Store) -> None:
    store.apply([Put(job(b"%d" % number)) for number in range(5)])
    with mysql.locked("TRUE"):
        with pytest.raises(StoreUnavailable, match="is locked"):
            store.apply([Put(job(b"new"))])
        with pytest.raises(StoreUnavailable, match="many rows"):
            store.apply([Drop(b"%d" % number) for number in range(5)])
    store.apply([Put(job(b"new")), *(Drop(b"%d" % number) for number in range(5))])
    assert handles(store) == [b"new"]


def test_what_is_gone_is_gone_and_what_is_there_is_there(store: Store) -> None:
    store.apply([Put(job(b"1", b"first"))])
    store.apply([Put(job(b"1", b"first")), Drop(b"none"), Update(b"none", 3)])
    assert [one.payload for one in store.replay()] == [b"first"]


# What an administrator does while a server runs.


def test_a_plugin_that_is_uninstalled_is_waited_for(mysql: InnoDBMemcached, store: Store) -> None:
    store.apply([Put(job(b"1"))])
    mysql.run("RENAME TABLE variables TO away", "CREATE TABLE variables LIKE away")
    forget(store)
    with pytest.raises(StoreUnavailable, match="daemon_memcached is not active"):
        store.apply([Put(job(b"2"))])
    mysql.run("DROP TABLE variables", "RENAME TABLE away TO variables")
    store.apply([Put(job(b"2"))])
    assert handles(store) == [b"1", b"2"]


def test_one_that_is_read_only_is_waited_for_though_the_plugin_would_write(
    mysql: InnoDBMemcached, store: Store
) -> None:
    mysql.run("SET GLOBAL read_only = ON")
    try:
        forget(store)
        with pytest.raises(StoreUnavailable, match="read-only"):
            store.apply([Put(job(b"1"))])
        store.close()
        assert "read-only" in wrong(mysql)
    finally:
        mysql.run("SET GLOBAL read_only = OFF")
    store.open()
    store.apply([Put(job(b"1"))])
    assert handles(store) == [b"1"]


def test_the_longest_idle_time_that_the_server_allows_is_taken() -> None:
    with MariaDB("--maximum-wait-timeout=604800") as server, InnoDBMemcached(server) as mysql:
        store = store_for(mysql.url("q"))
        store.open()
        store.apply([Put(job(b"1"))])
        assert store._session.ask("SELECT @@SESSION.wait_timeout") == [(604_800,)]  # type: ignore[attr-defined]
        store.close()


def forget(store: Store) -> None:
    """Have the store look at the settings before it writes, as it does a second later by itself."""
    store._believed_until = 0.0  # type: ignore[attr-defined]


# Values and keys.


def test_a_value_that_would_abort_mysql_is_not_sent(mysql: InnoDBMemcached, store: Store) -> None:
    with pytest.raises(StoreError, match=r"payload of 9000000 bytes; max_value of the store's URL"):
        store.apply([Put(job(b"1", b"x" * 9_000_000))])
    store.apply([Put(job(b"2", b"x" * 8_000_000))])
    assert not mysql.plugin.aborted
    store.close()
    limited = store_for(mysql.url("q", "max_value=10000&"))
    limited.open()
    assert limited.traits.max_payload == 10_000 - 2048
    with pytest.raises(StoreError, match="7952 at most"):
        limited.apply([Put(job(b"3", b"x" * 7953))])
    limited.close()
    assert "redo log" in wrong(mysql, "max_value=20000000&")


def test_the_stand_in_aborts_and_refuses_as_the_plugin_does(mysql: InnoDBMemcached) -> None:
    """What the store never does, or the tests above would show nothing."""
    plain = MemcachedConnection("127.0.0.1", mysql.plugin.port)
    with pytest.raises(StoreError, match="multiple get"):
        list(plain.values([b"a", b"b"]))
    with pytest.raises(StoreError, match="does not list"):
        plain.keys(b"")
    ((_, reply),) = next(plain.pipeline([(b"set", b"k" * 251, b"delete x")]))
    assert reply.startswith(b"CLIENT_ERROR")
    plain.close()
    with pytest.raises(StoreUnavailable):
        list(plain.pipeline([(b"set", b"k", bytes(11 << 20))]))
    assert mysql.plugin.aborted


def test_an_expired_row_is_no_job(mysql: InnoDBMemcached, store: Store) -> None:
    store.apply([Put(job(b"1")), Put(job(b"2"))])
    mysql.run("UPDATE gearbridge_queue SET expire = 1 WHERE id = 'q:1'")
    assert handles(store) == [b"2"]


def test_prefixes_are_apart(mysql: InnoDBMemcached, store: Store) -> None:
    others = [store_for(mysql.url(prefix)) for prefix in ("q2", "Q", "%")]
    for other in others:
        other.open()
        other.apply([Put(job(b"1", b"theirs"))])
    assert handles(store) == []
    store.apply([Put(job(b"1", b"ours"))])
    for other in others:
        assert [one.payload for one in other.replay()] == [b"theirs"]
        other.close()


# What is checked at open.


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE variables SET value = '32' WHERE name LIKE '%BATCH_SIZE'", "is 32, so a crash loses .*set it to 1"),
        ("DELETE FROM variables", "plugin daemon_memcached is not active .*INSTALL PLUGIN"),
        ("DROP TABLE containers", "containers cannot be read .*innodb_memcached_config.sql"),
        ("UPDATE containers SET name = 'jobs'", "no row named 'default'.*db script --innodb-memcached"),
        ("UPDATE containers SET db_table = 'none'", "is not there, or this user has no right"),
        ("UPDATE containers SET value_columns = 'data|more'", "no column data.more"),
        ("UPDATE containers SET unique_idx_name_on_key = 'other'", "index other is not a unique one on id"),
        ("ALTER TABLE gearbridge_queue MODIFY data MEDIUMBLOB", "must be a LONGBLOB: a long value aborts"),
        ("ALTER TABLE gearbridge_queue MODIFY id VARCHAR(100) COLLATE latin1_bin", "longer keys are cut"),
        ("ALTER TABLE gearbridge_queue MODIFY id VARCHAR(250) COLLATE latin1_swedish_ci", "must be latin1_bin"),
        ("ALTER TABLE gearbridge_queue ADD COLUMN more INT NOT NULL DEFAULT 1", "column more must be nullable"),
        ("ALTER TABLE gearbridge_queue ENGINE = MyISAM", "its engine is MyISAM"),
        ("RENAME TABLE gearbridge_queue TO elsewhere", "is not there"),
    ],
)
def test_what_is_wrong_is_said_at_open_with_what_to_do(mysql: InnoDBMemcached, statement: str, why: str) -> None:
    mysql.run(statement)
    with pytest.raises(ConfigurationError, match=why):
        raise ConfigurationError(wrong(mysql))


def test_a_column_that_is_not_mapped_may_be_nullable(mysql: InnoDBMemcached) -> None:
    mysql.run(
        "ALTER TABLE gearbridge_queue ADD COLUMN more INT",
        "UPDATE containers SET expire_time_column = '0', cas_column = NULL",
        "ALTER TABLE gearbridge_queue MODIFY cas BIGINT UNSIGNED",
    )
    mysql.run("ALTER TABLE gearbridge_queue MODIFY expire INT UNSIGNED DEFAULT 0")
    store = store_for(mysql.url("q"))
    store.open()
    store.apply([Put(job(b"1"))])
    assert handles(store) == [b"1"]
    store.close()


def test_a_plugin_that_keeps_items_elsewhere_is_found_out(mysql: InnoDBMemcached) -> None:
    mysql.run("CREATE TABLE elsewhere LIKE gearbridge_queue")
    mysql.plugin.table = "elsewhere"
    assert "another MySQL's plugin listens there, or it has not read its containers" in wrong(mysql)


def test_what_is_not_there_is_said(mysql: InnoDBMemcached) -> None:
    url = mysql.url("q")
    with pytest.raises(ConfigurationError, match=r"memcached at 127\.0\.0\.1:1: .*refused"):
        store_for(url.replace(f":{mysql.plugin.port}/", ":1/")).open()
    with pytest.raises(ConfigurationError, match=r"MySQL: .*Access denied"):
        store_for(url.replace(":reader@", ":wrong@")).open()


def test_commits_that_a_crash_can_lose_are_said_in_the_log(
    mysql: InnoDBMemcached, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        store = store_for(mysql.url("q"))
        store.open()
        store.close()
    assert "innodb_flush_log_at_trx_commit is 0 here" in caplog.text
    assert "values of up to 8388608 bytes" in caplog.text


# The two connections.


def test_a_lost_session_takes_its_lock_again_before_anything_is_written(mysql: InnoDBMemcached, store: Store) -> None:
    store.apply([Put(job(b"1"))])
    lose_session(store)
    store.apply([Put(job(b"2"))])
    lose_session(store)
    second = store_for(mysql.url("q"))
    second.open()
    with pytest.raises(StoreUnavailable, match="in use by another gearbridge server"):
        store.apply([Put(job(b"3"))])
    second.close()
    with pytest.raises(StoreInUse, match="has taken this prefix since our session ended"):
        store.apply([Put(job(b"4"))])
    store.close()
    third = store_for(mysql.url("q"))
    third.open()
    assert handles(third) == [b"1", b"2"]
    third.close()


def lose_session(store: Store) -> None:
    """End the session, as MySQL does to one that is killed, a second before the next write."""
    store._session._disconnect()  # type: ignore[attr-defined]
    forget(store)


def former_lock(store: Store) -> str:
    """The lock of gearbridge 0.1.0, which anybody can name."""
    place = store._table().encode() + store._prefix  # type: ignore[attr-defined]
    return f"gearbridge:{sha256(place).hexdigest()[:40]}"


def test_a_lock_that_others_can_name_keeps_no_server_out(
    mysql: InnoDBMemcached, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(mysql.server.connect()) as other, other.cursor() as cursor:
        cursor.execute("SELECT IS_USED_LOCK(%s) IS NOT NULL", (former_lock(store),))
        assert cursor.fetchall() == ((1,),), "a server of 0.1.0 would come beside it"
        store.close()
        cursor.execute("SELECT GET_LOCK(%s, 5)", (former_lock(store),))
        assert cursor.fetchall() == ((1,),)
        store.open()
        assert "of another user holds the lock of gearbridge 0.1.0: passed over" in caplog.text
        assert "in use by another gearbridge server" in wrong(mysql)
        store.apply([Put(job(b"1"))])
        assert handles(store) == [b"1"]


def test_a_server_of_the_first_version_keeps_others_out(mysql: InnoDBMemcached, store: Store) -> None:
    store.close()
    session = SQLSession(make_url(mysql.url("q").partition("sql=")[2]))
    session.ask("SELECT GET_LOCK(%s, 5)", former_lock(store))
    assert "in use by another gearbridge server" in wrong(mysql)
    session.close()


def test_an_emptied_table_has_its_lock_again_before_the_next_write(mysql: InnoDBMemcached, store: Store) -> None:
    mysql.run("DELETE FROM gearbridge_queue")
    forget(store)
    store.apply([Put(job(b"1"))])
    assert handles(store) == [b"1"]
    assert mysql.run("SELECT count(*) FROM gearbridge_queue WHERE id = 'q:%lock'") == [(1,)]
    assert "in use by another gearbridge server" in wrong(mysql)


def test_a_batch_size_that_changed_at_a_restart_is_not_written_to(mysql: InnoDBMemcached, store: Store) -> None:
    store.apply([Put(job(b"1"))])
    mysql.run("UPDATE variables SET value = '32' WHERE name LIKE '%BATCH_SIZE'")
    store._connection.close()  # type: ignore[attr-defined]  # as a restart does
    with pytest.raises(StoreUnavailable, match="set it to 1"):
        store.apply([Drop(b"1")])
    mysql.run("UPDATE variables SET value = '1' WHERE name LIKE '%BATCH_SIZE'")
    store.apply([Drop(b"1")])
    assert handles(store) == []


def test_a_mysql_that_went_away_is_taken_again_when_it_is_back_with_its_jobs() -> None:
    with MariaDB("--innodb-flush-log-at-trx-commit=1") as server, InnoDBMemcached(server) as mysql:
        store = store_for(mysql.url("q"))
        store.open()
        store.apply([Put(job(b"%d" % number)) for number in range(100)])
        server.kill()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.apply([Put(job(b"new"))])
        server.start()
        with contextlib.suppress(StoreUnavailable):  # the first may find that its connection is broken
            store.apply([Put(job(b"new"))])
        store.apply([Put(job(b"new")), Drop(b"0")])
        assert handles(store) == [*(b"%d" % number for number in range(1, 100)), b"new"]
        store.close()


def test_a_row_locked_for_a_moment_is_waited_for_by_the_plugin(mysql: InnoDBMemcached, store: Store) -> None:
    store.apply([Put(job(b"1"))])
    locked, done = threading.Event(), threading.Event()

    def lock() -> None:
        with mysql.locked("id = 'q:1'"):
            locked.set()
            done.wait(0.2)

    thread = threading.Thread(target=lock)
    thread.start()
    assert locked.wait(30)
    store.apply([Drop(b"1")])
    done.set()
    thread.join()
    assert handles(store) == []


@pytest.mark.parametrize(
    "url",
    [
        "innodb-memcached:",
        "innodb-memcached://h:11211/",
        "innodb-memcached://h:11211/?sql=postgresql://h/db",
        "innodb-memcached://h:11211/?sql=nothing",
        "innodb-memcached://h:11211/?max_value=many&sql=mysql://h/db",
        "innodb-memcached://h:11211/?max_value=0&sql=mysql://h/db",
        "innodb-memcached://h:11211/?container=other&sql=mysql://h/db",
        "innodb-memcached://h:x/?sql=mysql://h/db",
        "innodb-memcached:///?sql=mysql://h/db",
        "innodb-memcached://h/@@other?sql=mysql://h/db",
    ],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="URL"):
        store_for(url)


@pytest.mark.parametrize(
    "url",
    [
        "innodb-memcached://h:1/?sql=mysql://u:secret@h/db",
        "innodb-memcached://h:1/?sql=mysql://u:secret@h/db?charset=utf8mb4&ssl=1&max_value=99999",
        "innodb-memcached://h/q?max_value=99999&sql=mysql%3A%2F%2Fu%3Asecret%40h%2Fdb",
    ],
)
def test_a_url_of_any_spelling_is_taken_and_shown_without_its_password(url: str) -> None:
    store = store_for(url)
    assert ("max_value" in url) == (store._wanted == 99999)  # type: ignore[attr-defined]
    assert store._session._engine.url.database == "db"  # type: ignore[attr-defined]
    assert redacted(url) == f"{url.partition('?')[0]}?sql=mysql://u@h/db"
