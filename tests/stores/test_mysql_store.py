"""What is particular to the store in MySQL and MariaDB."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy.engine import make_url

from gearbridge.errors import ConfigurationError, StoreUnavailable
from gearbridge.extension.mysql import install_mysql
from gearbridge.records import Drop, Put, Retry, StoredJob, Update
from gearbridge.stores.interface import Node
from gearbridge.stores.registry import shared_store_for, store_for
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.interface import WindowedStore
    from tests.fixtures._mysql_server import MySQLServer


@pytest.fixture
def url(mysql_server: MySQLServer) -> str:
    return mysql_server.make_database()


@pytest.fixture
def read_only(mysql_server: MySQLServer) -> Iterator[None]:
    with mysql_server.connect() as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = ON")
        yield
        cursor.execute("SET GLOBAL read_only = OFF")


#: Settings that a server may have for all sessions, and that would change what a store does.
SETTINGS = {
    "autocommit": 0,
    "completion_type": "CHAIN",
    "unique_checks": 0,
    "sql_safe_updates": 1,
    "sql_select_limit": 1,
    "sql_mode": "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE",
    "tx_isolation": "READ-UNCOMMITTED",
}


@pytest.fixture
def settings(mysql_server: MySQLServer) -> Iterator[Any]:
    """Let all sessions that begin from now on have SETTINGS; gives a cursor of a session that has not."""
    names = {name: name if mysql_server.kind == "mariadb" else name.replace("tx_", "transaction_") for name in SETTINGS}
    with mysql_server.connect() as session, session.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"@@GLOBAL.{name}" for name in names.values()))
        former = dict(zip(names.values(), cursor.fetchone() or (), strict=True))
        try:
            for name, value in SETTINGS.items():
                cursor.execute(f"SET GLOBAL {names[name]} = %s", (value,))
            yield cursor
        finally:
            for name, value in former.items():
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))


@pytest.mark.parametrize("node", [False, True], ids=["alone", "node"])
def test_no_setting_of_the_server_changes_what_is_kept(url: str, settings: Any, node: bool) -> None:
    database = make_url(url).database
    install_mysql(url)
    store = cast("WindowedStore", shared_store_for(url, Node("a", 60, "1")) if node else store_for(url))
    store.open()

    def rows() -> set[tuple[str, str]]:
        settings.execute(f"SELECT handle, `function` FROM {database}.gearbridge_job")
        return set(settings.fetchall())

    store.apply([Put(StoredJob(b"H:1", b"a\\b", b"'\\", unique_key=b"k\\"), spilled=True)])
    assert rows() == {("H:1", r"a\\b")}, "others see it"
    store.apply([Put(StoredJob(b"H:%d" % number, b"f", b"x"), spilled=True) for number in range(2, 9)])
    settings.execute("BEGIN")
    settings.execute(f"USE {database}")
    settings.execute("SELECT gman_enqueue('f', 'x', NULL, NULL, NULL, NULL, NULL)")
    claimed = store.claim({b"a\\b": 10, b"f": 10})
    assert {job.handle for job in claimed} == {b"H:%d" % number for number in range(1, 9)}, (
        "none that may be rolled back"
    )
    settings.execute("ROLLBACK")
    assert [(job.payload, job.unique_key) for job in claimed if job.handle == b"H:1"] == [(b"'\\", b"k\\")]
    store.apply([Drop(b"H:%d" % number) for number in range(1, 8)])
    store.apply([Retry(b"H:8", 1, "again")])
    assert rows() == {("H:8", "f")}
    store.close()


def test_no_setting_of_the_server_changes_the_functions(url: str, settings: Any) -> None:
    install_mysql(url)
    settings.execute(f"USE {make_url(url).database}")
    settings.execute("SELECT gman_enqueue(CONCAT('a', CHAR(92), 'b'), 'x', NULL, NULL, NULL, NULL, NULL)")
    settings.execute("SELECT HEX(`function`) FROM gearbridge_job")
    assert settings.fetchall() == ((rb"a\\b".hex().upper(),),)
    made = "SELECT DISTINCT sql_mode FROM information_schema.routines WHERE routine_schema = DATABASE()"
    settings.execute(made)
    assert all("STRICT" in mode and "NO_BACKSLASH" not in mode for (mode,) in settings.fetchall())


def test_a_group_that_a_deadlock_undid_is_made_again(mysql_server: MySQLServer, url: str) -> None:
    store = store_for(url)
    store.open()
    store.apply([Put(StoredJob(b"H:a", b"f", b"")), Put(StoredJob(b"H:b", b"f", b""))])
    lost = "UPDATE gearbridge_job SET attempts = 7 WHERE handle = %s"
    with (
        ThreadPoolExecutor(1) as thread,
        mysql_server.connect(make_url(url).database) as session,
        session.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE heavy (n INT)")
        cursor.execute("BEGIN")
        # InnoDB undoes the one that has done less.
        cursor.executemany("INSERT INTO heavy VALUES (%s)", [(number,) for number in range(1000)])
        cursor.execute(lost, ("H:b",))
        applied = thread.submit(store.apply, [Update(b"H:a", 1), Update(b"H:b", 1)])
        waits = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        with mysql_server.connect() as other, other.cursor() as look:
            wait_until(lambda: look.execute(waits) and look.fetchone() == (1,), what="the group to wait for a lock")
        cursor.execute(lost, ("H:a",))
        cursor.execute("COMMIT")
        applied.result(30)
    assert {job.handle: job.attempts for job in store.replay()} == {b"H:a": 1, b"H:b": 1}
    store.close()


def test_a_database_that_is_read_only_is_waited_for(url: str, request: pytest.FixtureRequest) -> None:
    store = store_for(url)
    store.open()
    request.getfixturevalue("read_only")
    with pytest.raises(StoreUnavailable, match="read-only"):
        store.apply([Put(StoredJob(b"H:a", b"f", b""))])
    store.close()


@pytest.mark.usefixtures("read_only")
def test_of_several_hosts_none_that_is_read_only_will_do(mysql_server: MySQLServer, url: str) -> None:
    here = f"127.0.0.1:{mysql_server.port}"
    with pytest.raises(ConfigurationError, match=r"it is read-only.*it is read-only"):
        store_for(url.replace(here, f"{here},localhost:{mysql_server.port}")).open()


def test_a_job_that_is_cancelled_or_completed_in_an_open_transaction_keeps_nobody_from_enqueuing(
    mysql_server: MySQLServer, url: str
) -> None:
    install_mysql(url)
    name = make_url(url).database
    with (
        mysql_server.connect(name) as console,
        mysql_server.connect(name) as other,
        console.cursor() as one,
        other.cursor() as two,
    ):
        two.execute("SET innodb_lock_wait_timeout = 1")
        handles = []
        for number in range(20):
            two.execute("SELECT gman_enqueue('f', %s, NULL, NULL, NULL, NULL, NULL)", (str(number),))
            handles.append(two.fetchone()[0])
        one.execute("START TRANSACTION")
        one.execute("SELECT gman_cancel(%s), gman_complete(%s, NULL)", (handles[3], handles[19]))
        assert one.fetchone() == (1, 1)
        for number in range(20):
            two.execute("SELECT gman_enqueue('f', %s, NULL, NULL, NULL, NULL, NULL)", (str(number),))
            two.execute("SELECT gman_enqueue('g', %s, NULL, NULL, NULL, NULL, NULL)", (str(number),))
        two.execute("SELECT gman_complete(%s, NULL)", (handles[4],))
        assert two.fetchone() == (1,)
        one.execute("ROLLBACK")
