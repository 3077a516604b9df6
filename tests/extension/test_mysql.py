"""The functions for MySQL, in a real MariaDB."""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import TYPE_CHECKING, Any, TypeAlias

import pymysql
import pytest
from pymysql.constants import CLIENT
from sqlalchemy.engine import make_url

from gearbridge.extension.mysql import install_mysql, mysql_script, statements
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures._mysql_server import MySQLServer
    from tests.fixtures.processes import StartProcess

    Connection: TypeAlias = pymysql.Connection[pymysql.cursors.Cursor]


@pytest.fixture
def url(mysql_server: MySQLServer) -> str:
    url = mysql_server.make_database()
    install_mysql(url)
    return url


@pytest.fixture
def sql(mysql_server: MySQLServer, url: str) -> Iterator[Connection]:
    with mysql_server.connect(make_url(url).database) as connection:
        yield connection


def rows(connection: Connection, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return list(cursor.fetchall())


def value(connection: Connection, query: str, *arguments: object) -> Any:
    return rows(connection, query, *arguments)[0][0]


def enqueue(connection: Connection, function: object, payload: object, *more: object) -> str:
    arguments = [function, payload, *more, *[None] * (5 - len(more))]
    return str(value(connection, "SELECT gman_enqueue(%s, %s, %s, %s, %s, %s, %s)", *arguments))


def test_a_job_is_a_row_with_all_that_was_said(sql: Connection) -> None:
    due = int(time.time()) + 100
    run_at = value(sql, "SELECT FROM_UNIXTIME(%s)", due - 0.5)
    handle = enqueue(sql, "a\\b", b"\0\xff", "key", "high", run_at, 5, True)
    columns = "handle, `function`, payload, unique_key, priority, due, state, max_attempts, keep_result"
    stored = rows(sql, f"SELECT {columns} FROM gearbridge_job")
    assert stored == [(handle, "a\\\\b", b"\0\xff", "key", 0, due, 1, 5, 1)]


def test_a_handle_has_a_random_part_beside_the_servers_number(sql: Connection) -> None:
    handles = [enqueue(sql, "f", "x") for _ in range(50)]
    parts = [re.fullmatch(r"S:\d{1,20}-([0-9a-f]{16})", handle) for handle in handles]
    assert len({part[1] for part in parts if part}) == 50


def test_the_random_part_is_there_without_random_bytes_too(sql: Connection) -> None:
    (source,) = (one for one in statements() if one.startswith("CREATE FUNCTION gman_enqueue("))
    plain = re.sub(r"/\*M?!\d+ HEX\(RANDOM_BYTES\(8\)\), \*/", "", source)
    assert "HEX(RANDOM_BYTES" not in plain
    with sql.cursor() as cursor:
        cursor.execute("DROP FUNCTION gman_enqueue")
        cursor.execute(plain)
    assert len({enqueue(sql, "f", "x").partition("-")[2] for _ in range(50)}) == 50


def test_equal_unique_keys_of_a_function_are_one_job(sql: Connection) -> None:
    first = enqueue(sql, "f", "a", "key")
    assert enqueue(sql, "f", "b", "key") == first
    assert len({first, enqueue(sql, "g", "c", "key"), enqueue(sql, "f", "d", "KEY"), enqueue(sql, "f", "e", "")}) == 4
    assert len({enqueue(sql, "f", "x"), enqueue(sql, "f", "x")}) == 2


def test_a_rollback_leaves_nothing(sql: Connection) -> None:
    sql.begin()
    enqueue(sql, "f", "x")
    sql.rollback()
    assert rows(sql, "SELECT * FROM gman_jobs") == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, "x"), "cannot be NULL"),
        (("f", None), "cannot be NULL"),
        (("", "x"), "1 to 512 bytes"),
        (("\u20ac" * 200, "x"), "1 to 512 bytes"),
        (("f", "x", "\u20ac" * 100), "255 bytes"),
        (("f", "x", None, "urgent"), "priority"),
        (("f", "x", None, None, "1950-01-01"), "run_at"),
        (("f", "x", None, None, None, -1), "max_attempts"),
    ],
)
def test_what_cannot_be_is_refused(sql: Connection, arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(pymysql.MySQLError, match=text):
        enqueue(sql, *arguments)
    assert rows(sql, "SELECT * FROM gman_jobs") == []


def test_the_names_of_the_c_functions_are_there(sql: Connection) -> None:
    assert value(sql, "SELECT gman_servers_set('127.0.0.1:4730')") == "127.0.0.1:4730"
    for name in ("gman_do_background", "gman_do_high_background", "gman_do_low_background"):
        assert str(value(sql, f"SELECT {name}('reverse', 'abc')")).startswith("S:")
    assert [row[0] for row in rows(sql, "SELECT priority FROM gman_jobs ORDER BY handle")] == ["normal", "high", "low"]
    for name in ("gman_do", "gman_do_high", "gman_do_low", "gman_sum"):
        with pytest.raises(pymysql.MySQLError, match="no foreground jobs from MySQL"):
            value(sql, f"SELECT {name}('reverse', 'abc')")


def test_a_trigger_calls_it_as_users_of_the_c_functions_do(sql: Connection) -> None:
    rows(sql, "CREATE TABLE images (id INT PRIMARY KEY, path TEXT)")
    call = "SET @ret = gman_do_background('syncToRedis', json_object('id', NEW.id))"
    rows(sql, f"CREATE TRIGGER enqueue AFTER INSERT ON images FOR EACH ROW {call}")
    rows(sql, "INSERT INTO images VALUES (7, 'cat.jpg')")
    assert value(sql, "SELECT payload FROM gearbridge_job") == b'{"id": 7}'


def test_result_failure_retry_and_cancel(sql: Connection, url: str, tmp_path: Path) -> None:
    fail = [True]

    def reverse(job: Job) -> bytes:
        if fail[0]:
            raise ValueError("no disk")
        return job.payload[::-1]

    handle = enqueue(sql, "f", "abc", None, None, None, None, True)
    assert value(sql, "SELECT gman_result(%s)", handle) is None
    with GearbridgeServer(tmp_path, "--store", url) as server, working(server.address, f=reverse):
        wait_until(lambda: value(sql, "SELECT state FROM gman_jobs") == "failed")
        with pytest.raises(pymysql.MySQLError, match="no disk"):
            value(sql, "SELECT gman_result(%s)", handle)
        fail[0] = False
        assert value(sql, "SELECT gman_retry(%s)", handle) == 1
        wait_until(lambda: value(sql, "SELECT state FROM gman_jobs") == "done")
    assert value(sql, "SELECT gman_result(%s)", handle) == b"cba"
    waiting = enqueue(sql, "f", "x")
    assert rows(sql, "SELECT ready, scheduled, failed, done FROM gman_queues") == [(1, 0, 0, 1)]
    assert (value(sql, "SELECT gman_cancel(%s)", waiting), value(sql, "SELECT gman_cancel(%s)", waiting)) == (1, 0)


def test_complete_ends_a_job_once_with_the_workers_transaction(sql: Connection) -> None:
    plain, kept = enqueue(sql, "f", "x"), enqueue(sql, "f", "x", None, None, None, None, True)
    sql.begin()
    assert value(sql, "SELECT gman_complete(%s, NULL)", plain) == 1
    sql.rollback()
    assert [value(sql, "SELECT gman_complete(%s, 'r')", handle) for handle in (plain, plain, kept, kept)] == [
        1,
        0,
        1,
        0,
    ]
    assert rows(sql, "SELECT handle, state FROM gman_jobs") == [(kept, "done")]
    assert value(sql, "SELECT gman_result(%s)", kept) == b"r"


def test_who_may_execute_needs_no_right_to_the_table(mysql_server: MySQLServer, sql: Connection, url: str) -> None:
    database = make_url(url).database
    rows(sql, "CREATE USER enqueuer IDENTIFIED BY 'password'")
    rows(sql, f"GRANT EXECUTE ON FUNCTION {database}.gman_do_background TO enqueuer")
    account = {"host": "127.0.0.1", "port": mysql_server.port, "user": "enqueuer", "password": "password"}
    with pymysql.connect(**account, database=database, autocommit=True) as other:
        assert value(other, "SELECT gman_do_background('f', 'x')")
        with pytest.raises(pymysql.MySQLError, match="denied"):
            value(other, "SELECT * FROM gearbridge_job")
    assert str(value(sql, "SELECT enqueued_by FROM gman_jobs")).startswith("enqueuer@")
    rows(sql, "DROP USER enqueuer")


def test_the_script_makes_the_same(mysql_server: MySQLServer, start_process: StartProcess) -> None:
    name = make_url(mysql_server.make_database()).database
    program = shutil.which("mariadb") or "mysql"
    script = mysql_script()
    start_process(
        program, "-h127.0.0.1", f"-P{mysql_server.port}", "-uroot", str(name), stdin=script.encode()
    ).succeed()
    with mysql_server.connect(name) as connection:
        assert enqueue(connection, "f", "x").startswith("S:")
        install = rows(connection, "SHOW FUNCTION STATUS WHERE Db = DATABASE()")
        assert len(install) == 21


def test_one_job_and_its_status_are_told_as_json(sql: Connection) -> None:
    handle = enqueue(sql, "f", "four", "key", "low", None, 3, True)
    told = json.loads(value(sql, "SELECT gman_job(%s)", handle))
    columns = [column[0] for column in rows(sql, "SHOW COLUMNS FROM gman_jobs")]
    assert sorted(told) == sorted(columns)  # MySQL keeps the members of an object in an order of its own
    asked = ("function", "unique_key", "priority", "state", "max_attempts", "payload_size", "run_at")
    assert [told[name] for name in asked] == ["f", "key", "low", "ready", 3, 4, None]
    assert told["keep_result"]
    assert value(sql, "SELECT gman_job('S:0')") is None
    status = {"known": True, "running": False, "numerator": 0, "denominator": 0, "percentage": None}
    assert json.loads(value(sql, "SELECT gman_status(%s)", handle)) == status
    rows(sql, "UPDATE gearbridge_job SET numerator = 1, denominator = 4")
    status = {"known": True, "running": True, "numerator": 1, "denominator": 4, "percentage": 25}
    assert json.loads(value(sql, "SELECT gman_status(%s)", handle)) == status
    assert value(sql, "SELECT gman_complete(%s, 'r')", handle)
    assert not json.loads(value(sql, "SELECT gman_status(%s)", handle))["known"]
    assert json.loads(value(sql, "SELECT gman_job(%s)", handle))["state"] == "done"
    assert value(sql, "SELECT gman_status(NULL)") is None


def test_what_finished_long_ago_is_deleted_on_request(sql: Connection) -> None:
    for state, age in ((3, 9), (3, 1), (2, 9), (2, 1), (1, None)):
        handle = enqueue(sql, "f", "x")
        rows(
            sql,
            "UPDATE gearbridge_job SET state = %s, finished = UNIX_TIMESTAMP() - %s * 86400 WHERE handle = %s",
            state,
            age,
            handle,
        )
    assert value(sql, "SELECT gman_prune(10, NULL)") == 0
    assert value(sql, "SELECT gman_prune(7, 'failed')") == 1
    assert value(sql, "SELECT gman_prune(7, 'done')") == 1
    assert value(sql, "SELECT gman_prune(0.5, NULL)") == 2
    assert [row[0] for row in rows(sql, "SELECT state FROM gman_jobs")] == ["ready"]
    for arguments in ("NULL, NULL", "1, 'ready'"):
        with pytest.raises(pymysql.MySQLError):
            value(sql, f"SELECT gman_prune({arguments})")


def test_a_key_is_one_job_whatever_the_connection_counts(mysql_server: MySQLServer, sql: Connection, url: str) -> None:
    """Django, SQLAlchemy and JDBC count the rows that were found, not those that were changed."""
    login = {"host": "127.0.0.1", "port": mysql_server.port, "user": "root", "database": make_url(url).database}
    with pymysql.connect(**login, client_flag=CLIENT.FOUND_ROWS, autocommit=True) as counting:
        first, second = (enqueue(counting, "f", "x", "key") for _ in range(2))
        assert enqueue(counting, "f", "x", "other") not in {first, second}
    assert first == second
    assert rows(sql, "SELECT handle FROM gearbridge_job WHERE unique_key = 'key'") == [(first,)]


def test_a_key_of_a_newer_job_than_the_snapshot(mysql_server: MySQLServer, sql: Connection, url: str) -> None:
    login = {"host": "127.0.0.1", "port": mysql_server.port, "user": "root", "database": make_url(url).database}
    with pymysql.connect(**login) as reading:
        assert rows(reading, "SELECT count(*) FROM gearbridge_job") == [(0,)]  # the snapshot is taken
        handle = enqueue(sql, "f", "x", "key")
        sql.commit()
        assert enqueue(reading, "f", "x", "key") == handle
        reading.rollback()
