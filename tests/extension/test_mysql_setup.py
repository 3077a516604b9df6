"""MySQL as it comes: with a binary log, and in versions that are too old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from gearbridge.errors import ConfigurationError
from gearbridge.extension.mysql import install_mysql
from gearbridge.records import Put, StoredJob
from gearbridge.stores.database import mysql_versions as oldest
from gearbridge.stores.interface import Node
from gearbridge.stores.registry import shared_store_for, store_for
from gearbridge.triggers.database import opened
from gearbridge.triggers.install import create
from gearbridge.triggers.spec import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures._mysql_server import MySQLServer
    from tests.fixtures.mysql import MySQL

ADVICE = r"SET GLOBAL log_bin_trust_function_creators = 1"


@pytest.fixture
def distrust(mysql: MySQL) -> Iterator[Callable[[], None]]:
    """Have the server trust nobody who makes functions, as it comes; until the test ends."""
    with mysql.connect() as session, session.cursor() as cursor:
        yield lambda: cursor.execute("SET GLOBAL log_bin_trust_function_creators = OFF") and None
        cursor.execute("SET GLOBAL log_bin_trust_function_creators = ON")


@pytest.mark.parametrize("user", ["gearbridge:gearbridge", "root"])
def test_with_a_binary_log_it_says_what_an_administrator_has_to_do(
    mysql: MySQL, distrust: Callable[[], None], user: str
) -> None:
    url = mysql.make_database().replace("gearbridge:gearbridge", user)
    distrust()
    with pytest.raises(ConfigurationError, match=ADVICE):
        install_mysql(url)


def test_so_it_does_of_a_trigger(mysql: MySQL, distrust: Callable[[], None]) -> None:
    url = mysql.make_database()
    install_mysql(url)
    with mysql.connect(make_url(url).database) as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE images (path TEXT)")
    distrust()
    with pytest.raises(ConfigurationError, match=ADVICE), opened(url) as connection:
        create(connection, Trigger("images", "insert", "resize"))


@pytest.mark.parametrize("node", [False, True], ids=["alone", "node"])
def test_one_that_is_too_old_is_refused_before_anything_is_made(
    mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch, node: bool
) -> None:
    url = mysql_server.make_database()
    monkeypatch.setattr(oldest, "_MYSQL", (99, 7))
    monkeypatch.setattr(oldest, "_MARIADB", (99, 7))
    store = shared_store_for(url, Node("a", 30, "1")) if node else store_for(url)
    with pytest.raises(ConfigurationError, match=r"needs \w+ 99\.7 or later; this is \w+ \d+\.\d+"):
        store.open()
    with pytest.raises(ConfigurationError, match=r"needs \w+ 99\.7 or later"):
        install_mysql(url)
    with mysql_server.connect(make_url(url).database) as session, session.cursor() as cursor:
        assert cursor.execute("SHOW TABLES") == 0


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_password_that_can_only_go_by_tls_is_said(mysql: MySQL, hosts: int) -> None:
    url = mysql.make_database().replace("gearbridge:gearbridge", "plain:plain")
    with mysql.connect() as session, session.cursor() as cursor:
        cursor.execute("CREATE USER IF NOT EXISTS plain IDENTIFIED BY 'plain'")
        cursor.execute("ALTER USER plain IDENTIFIED BY 'plain'")  # the server forgets that it came by TLS once
    here = f"127.0.0.1:{mysql.port}"
    url = url.replace(here, ",".join([here] * hosts))
    with pytest.raises(ConfigurationError, match="takes passwords by TLS only"):
        store_for(f"{url}?ssl_disabled=true").open()


@pytest.mark.parametrize("characters", ["ucs2", "utf16", "utf32"])
def test_a_database_of_wide_characters_takes_jobs(mysql_server: MySQLServer, characters: str) -> None:
    url = mysql_server.make_database()
    name = make_url(url).database
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} CHARACTER SET {characters}")
        install_mysql(url)
        cursor.execute("CREATE TABLE images (path VARCHAR(20))")
    with opened(url) as connection:
        create(connection, Trigger("images", "insert", "resize", payload="NEW.path", unique_key="NEW.path"))
        create(connection, Trigger("images", "insert", "row"))
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        for _ in range(2):
            cursor.execute("INSERT INTO images VALUES ('a.png')")
        cursor.execute("SELECT gman_enqueue('f', 'x', 'one', 'low', '@1893456000', NULL, TRUE)")
        (handle,) = cursor.fetchone() or ("",)
        cursor.execute("SELECT gman_enqueue('f', 'x', 'one', NULL, NULL, NULL, NULL), gman_job(%s)", [handle])
        again, shown = cursor.fetchone() or ("", "")
        assert (again, "low" in shown) == (handle, True)
    store = store_for(url)
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"of a client", b"x", unique_key=b"one"))])
    assert [job.handle for job in store.replay()] == [b"H:1"]
    store.close()
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        cursor.execute("SELECT `function`, unique_key, payload FROM gearbridge_job WHERE state = 1 ORDER BY id")
        row = ("row", "", b'{"path": "a.png"}')
        assert cursor.fetchall() == (("resize", "a.png", b"a.png"), row, row, ("f", "one", b"x"))
        cursor.execute("SELECT gman_complete(%s, NULL)", [handle])
        assert cursor.fetchone() == (1,)
