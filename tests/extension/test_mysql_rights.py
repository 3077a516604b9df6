"""The rights of docs/howto/rights-in-mysql.md: each is enough for what it is for, and for no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from sqlalchemy.engine import make_url

from gearbridge.extension.mysql import install_mysql
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.registry import store_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures._mysql_server import MySQLServer

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "rights-in-mysql.md"
USERS = ("submitter", "worker", "monitor", "administrator", "server")


@pytest.fixture
def url(mysql_server: MySQLServer) -> Iterator[str]:
    """A database in which the page was followed."""
    url = mysql_server.make_database()
    install_mysql(url)
    name = make_url(url).database
    with mysql_server.connect() as root, root.cursor() as cursor:
        for block in re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL):
            for statement in filter(str.strip, block.replace("shop.", f"{name}.").split(";\n")):
                cursor.execute(statement)
        yield url
        for user in USERS:
            cursor.execute(f"DROP USER {user}")


def test_each_right_is_enough_and_no_more(mysql_server: MySQLServer, url: str) -> None:
    name = make_url(url).database

    def ask(user: str, question: str, *values: object) -> Any:
        with (
            pymysql.connect(
                host="127.0.0.1", port=mysql_server.port, user=user, password="secret", database=name, autocommit=True
            ) as session,
            session.cursor() as cursor,
        ):
            cursor.execute(question, values)
            row = cursor.fetchone()
            return row and row[0]

    enqueue = "SELECT gman_enqueue('f', 'x', NULL, NULL, NULL, NULL, NULL)"
    first, second = ask("submitter", enqueue), ask("submitter", enqueue)
    assert ask("monitor", "SELECT count(*) FROM gman_jobs") == 2
    assert ask("monitor", "SELECT count(*) FROM gman_failed") == 0
    assert ask("administrator", "SELECT gman_discard(%s)", first) == 0
    assert ask("worker", "SELECT gman_complete(%s, NULL)", first) == 1
    assert ask("administrator", "SELECT gman_cancel(%s)", second) == 1
    for user, question in (
        ("submitter", "SELECT gman_cancel('S:1')"),
        ("submitter", "SELECT lock_key FROM gearbridge_schema"),
        ("worker", enqueue),
        ("worker", "SELECT handle FROM gearbridge_job"),
        ("monitor", "SELECT gman_complete('S:1', NULL)"),
        ("monitor", "SELECT gman_payload('S:1')"),
        ("administrator", "SELECT payload FROM gearbridge_job"),
    ):
        with pytest.raises(pymysql.Error, match="denied"):
            ask(user, question)


def test_a_server_runs_with_its_rights_on_the_tables(url: str) -> None:
    store = store_for(make_url(url).set(username="server", password="secret").render_as_string(hide_password=False))
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b"x"))])
    assert [job.handle for job in store.replay()] == [b"H:1"]
    store.apply([Drop(b"H:1")])
    store.close()


@pytest.mark.parametrize("hidden", ["gearbridge_job", "gman_jobs"])
def test_a_temporary_table_in_place_of_the_real_one_is_refused(
    mysql_server: MySQLServer, url: str, hidden: str
) -> None:
    name = make_url(url).database
    enqueues = "gman_enqueue('f', 'x', NULL, NULL, NULL, NULL, NULL)"
    statements = [
        f"SELECT {enqueues}",
        *(f"SELECT gman_{one}('S:1')" for one in ("cancel", "retry", "result", "status", "payload", "discard")),
        "SELECT gman_retry_with('S:1', 'x')",
        *(f"SELECT gman_{one}_failed(NULL, NULL, NULL, NULL)" for one in ("retry", "discard")),
        "SELECT gman_complete('S:1', NULL)",
        "SELECT gman_prune(1, NULL)",
        "INSERT INTO audited VALUES (1)",
    ]
    if hidden == "gman_jobs":
        statements = ["SELECT gman_job('S:1')"]
    shadow = (
        f"CREATE TEMPORARY TABLE mine {'LIKE' if hidden == 'gearbridge_job' else 'AS SELECT * FROM'} {hidden}",
        f"ALTER TABLE mine RENAME {hidden}",
    )
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE audited (id INT)")
        cursor.execute(f"CREATE TRIGGER audit AFTER INSERT ON audited FOR EACH ROW SET @handle = {enqueues}")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("DELETE FROM gearbridge_job")
        cursor.execute("DELETE FROM audited")
        why = "Can't reopen table" if mysql_server.kind == "mysql" else f"{hidden}' doesn't exist"
        for statement in statements:
            for preparation in shadow:
                cursor.execute(preparation)
            with pytest.raises(pymysql.Error, match=why):
                cursor.execute(statement)
            cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {hidden}")
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM gearbridge_job), (SELECT count(*) FROM audited)")
        assert cursor.fetchone() == (0, 0)


def test_jobs_can_be_read_in_a_transaction_that_writes_nothing(mysql_server: MySQLServer, url: str) -> None:
    name = make_url(url).database
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        cursor.execute("SELECT gman_enqueue('f', 'x', NULL, NULL, NULL, NULL, NULL)")
        (handle,) = cursor.fetchone() or ("",)
        cursor.execute("START TRANSACTION READ ONLY")
        for function, start in (("status", '"known": true'), ("job", '"handle": '), ("result", None)):
            cursor.execute(f"SELECT gman_{function}(%s)", [handle])
            (answer,) = cursor.fetchone() or ("",)
            assert answer is None if start is None else start in answer
        cursor.execute("SHOW WARNINGS")
        assert cursor.fetchall() == ()
        cursor.execute("COMMIT")


def test_what_is_dropped_for_that_commits_nothing(mysql_server: MySQLServer, url: str) -> None:
    name = make_url(url).database
    with mysql_server.connect(name) as session, session.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT gman_enqueue('f', 'x', NULL, NULL, NULL, NULL, NULL)")
        cursor.execute("SHOW WARNINGS")
        assert cursor.fetchall() == ()
        cursor.execute("SELECT gman_prune(1, NULL)")
        cursor.execute("ROLLBACK")
        cursor.execute("SELECT count(*) FROM gearbridge_job")
        assert cursor.fetchone() == (0,)
