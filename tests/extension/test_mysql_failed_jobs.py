"""Failed jobs in the SQL of MySQL and MariaDB: listed, looked into, retried, discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymysql
import pytest

from .test_mysql import enqueue, rows, sql, url, value  # noqa: F401  fixtures among them

if TYPE_CHECKING:
    from .test_mysql import Connection


def fail(sql: Connection, function: str = "f", error: str = "no disk", **more: object) -> str:  # noqa: F811
    """Enqueue a job and have it failed, as a server does; its handle."""
    handle = enqueue(sql, function, more.get("payload", b"x"), more.get("unique_key", ""))
    with sql.cursor() as cursor:
        cursor.execute(
            "UPDATE gearbridge_job SET state = 2, attempts = 3, error = %s, finished = %s WHERE handle = %s",
            (error, more.get("finished", 1000), handle),
        )
    return handle


def test_failed_jobs_are_listed(sql: Connection) -> None:  # noqa: F811
    handles = [fail(sql, finished=second) for second in (1000, 3000, 2000)]
    enqueue(sql, "f", "waits")
    columns = "handle, `function`, attempts, error, finished, payload_size"
    listed = rows(sql, f"SELECT {columns} FROM gman_failed ORDER BY finished DESC")
    assert listed[0] == (handles[1], "f", 3, "no disk", 3000, 1)
    assert [row[0] for row in listed] == [handles[1], handles[2], handles[0]]
    (plan,) = rows(sql, "EXPLAIN SELECT handle FROM gman_failed WHERE finished < 2500 ORDER BY finished DESC LIMIT 10")
    assert "gearbridge_job_ready" in str(plan), "by the state, however many rows wait"


def test_one_is_looked_into_retried_with_another_payload_and_discarded(sql: Connection) -> None:  # noqa: F811
    one, other = fail(sql, payload=b"\0\xff"), fail(sql)
    assert value(sql, "SELECT gman_payload(%s)", one) == b"\0\xff"
    assert value(sql, "SELECT gman_payload('S:0')") is None
    assert value(sql, "SELECT gman_retry_with(%s, 'y')", one) == 1
    assert value(sql, "SELECT gman_retry_with(%s, 'z')", one) == 0
    assert value(sql, "SELECT gman_payload(%s)", one) == b"y"
    assert value(sql, "SELECT gman_discard(%s)", one) == 0
    assert value(sql, "SELECT gman_discard(%s)", other) == 1
    assert rows(sql, "SELECT handle, state, attempts, error FROM gman_jobs") == [(one, "ready", 0, None)]
    with pytest.raises(pymysql.Error, match="cannot be NULL"):
        value(sql, "SELECT gman_retry_with(%s, NULL)", one)


def test_all_that_match_are_retried_but_for_those_in_whose_place_another_one_waits(sql: Connection) -> None:  # noqa: F811
    for _ in range(5):
        fail(sql, "a\\b", payload=b"x\0y")
    keyed = [fail(sql, "a\\b", unique_key="key") for _ in range(2)]
    taken = fail(sql, unique_key="taken")
    stays = [fail(sql, error="no user"), taken]
    enqueue(sql, "f", "x", "taken")
    assert value(sql, "SELECT gman_retry_failed(%s, 'disk', NULL, 2)", "a\\b") in {1, 2}
    value(sql, "SELECT gman_retry_failed(%s, 'disk', NULL, NULL)", "a\\b")
    assert value(sql, "SELECT gman_retry_failed(NULL, 'disk', NULL, NULL)") == 0
    left = {row[0] for row in rows(sql, "SELECT handle FROM gman_failed")}
    assert left - {*keyed} == {*stays}
    assert len(left & {*keyed}) == 1
    assert value(sql, "SELECT COUNT(*) FROM gman_jobs WHERE state = 'ready'") == 7


def test_all_that_match_are_discarded(sql: Connection) -> None:  # noqa: F811
    stays = fail(sql, error="no user")
    for _ in range(3):
        fail(sql, payload=b"\0y")
    assert value(sql, "SELECT gman_discard_failed(NULL, NULL, 'z', NULL)") == 0
    assert value(sql, "SELECT gman_discard_failed('f', 'disk', 'y', 2)") == 2
    assert value(sql, "SELECT gman_discard_failed('f', 'disk', NULL, NULL)") == 1
    assert rows(sql, "SELECT handle FROM gman_failed") == [(stays,)]
    for function in ("retry", "discard"):
        with pytest.raises(pymysql.Error, match="at_most"):
            value(sql, f"SELECT gman_{function}_failed(NULL, NULL, NULL, 0)")
