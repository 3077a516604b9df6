"""Many jobs at once, and what SQL sees and does of jobs in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.postgres import Database, Session


@pytest.fixture
def sql(database: Database) -> Iterator[Session]:
    with database.connect() as session:
        yield session


@pytest.mark.parametrize(
    ("literal", "payloads"),
    [
        ("'{a,\u00e9,\"\"}'::text[]", [b"a", b"\xc3\xa9", b""]),
        (r"ARRAY['\x00'::bytea, '\xff']", [b"\0", b"\xff"]),
        ("""ARRAY['{"a": 1}'::jsonb, '2']""", [b'{"a": 1}', b"2"]),
        ("'{}'::text[]", []),
    ],
)
def test_many_jobs_come_with_their_handles_in_order(sql: Session, literal: str, payloads: list[bytes]) -> None:
    handles = value(sql, f"SELECT gman_enqueue_many('f', {literal}, priority => 'high', max_attempts => 3)")
    rows = sql.execute(
        "SELECT handle, payload FROM gearbridge.gearbridge_job"
        " WHERE priority = 0 AND max_attempts = 3 AND state = 1 ORDER BY id"
    ).fetchall()
    assert rows == list(zip(handles, payloads, strict=True))


def test_many_jobs_with_unique_keys_are_one_for_each(sql: Session) -> None:
    before = value(sql, "SELECT gman_enqueue('f', 'x', 'b')")
    handles = value(sql, "SELECT gman_enqueue_many('f', '{1,2,3,4}'::text[], '{a,b,a,NULL}')")
    assert handles[1] == before
    assert handles[0] == handles[2]
    assert len(set(handles)) == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("NULL, '{x}'::text[]", errors.NullValueNotAllowed),
        ("'f', NULL::text[]", errors.NullValueNotAllowed),
        ("'f', '{x,NULL}'::text[]", errors.NullValueNotAllowed),
        ("'f', '{x,y}'::text[], '{a}'", errors.ArraySubscriptError),
        ("'f', '{{x,y}}'::bytea[]", errors.ArraySubscriptError),
        ("'f', '{x}'::text[], priority => 'no'", errors.InvalidParameterValue),
    ],
)
def test_many_jobs_that_cannot_be_are_refused(sql: Session, arguments: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        value(sql, f"SELECT gman_enqueue_many({arguments})")
    assert value(sql, "SELECT count(*) FROM gman_jobs") == 0


def test_the_views_tell_what_waits(sql: Session) -> None:
    sql.execute("SELECT gman_enqueue('f', 'four', 'key', 'low', max_attempts => 3)")
    sql.execute("SELECT gman_enqueue('f', 'x', run_at => now() + interval '1 day')")
    sql.execute("SELECT gman_enqueue('g', 'x')")
    row = sql.execute(
        "SELECT unique_key, priority, state, attempts, max_attempts, payload_size, enqueued_by = session_user,"
        " abs(extract(epoch FROM now() - enqueued_at)) < 60 FROM gman_jobs WHERE priority = 'low'"
    ).fetchone()
    assert row == ("key", "low", "ready", 0, 3, 4, True, True)
    queues = sql.execute("SELECT function, ready, scheduled, failed, done FROM gman_queues ORDER BY 1").fetchall()
    assert queues == [("f", 1, 1, 0, 0), ("g", 1, 0, 0, 0)]
    assert value(sql, "SELECT oldest >= interval '0' FROM gman_queues WHERE function = 'f'")


def test_a_job_is_cancelled_once_and_a_rollback_brings_it_back(sql: Session) -> None:
    handle = value(sql, "SELECT gman_enqueue('f', 'x')")
    sql.execute("BEGIN")
    assert value(sql, "SELECT gman_cancel(%s)", handle)
    sql.execute("ROLLBACK")
    assert value(sql, "SELECT gman_cancel(%s)", handle)
    assert not value(sql, "SELECT gman_cancel(%s)", handle)
    assert not value(sql, "SELECT gman_cancel('S:0')")
    assert value(sql, "SELECT count(*) FROM gman_jobs") == 0


def test_result_failure_and_retry_are_told_in_sql(database: Database, sql: Session, tmp_path: Path) -> None:
    fail = [True]

    def half(job: Job) -> bytes:
        job.send_status(1, 2)
        if fail[0]:
            raise ValueError("no disk")
        return job.payload[::-1]

    good = value(sql, "SELECT gman_enqueue('f', 'abc', keep_result => true)")
    assert value(sql, "SELECT gman_result(%s)", good) is None
    with GearbridgeServer(tmp_path, "--store", database.url) as server, working(server.address, f=half):
        wait_until(lambda: value(sql, "SELECT state FROM gman_jobs") == "failed")
        with pytest.raises(errors.DatabaseError, match="no disk") as caught:
            value(sql, "SELECT gman_result(%s)", good)
        assert caught.value.sqlstate == "GB001"
        fail.clear()
        fail.append(False)
        assert value(sql, "SELECT gman_retry(%s)", good)
        wait_until(lambda: value(sql, "SELECT state FROM gman_jobs") == "done")
    assert value(sql, "SELECT gman_result(%s)", good) == b"cba"
    row = sql.execute("SELECT error, numerator, denominator, finished_at IS NULL FROM gman_jobs").fetchone()
    assert row == (None, 1, 2, False)
    assert not value(sql, "SELECT gman_retry('S:0')")


def test_complete_ends_a_job_once_with_the_workers_transaction(sql: Session) -> None:
    plain = value(sql, "SELECT gman_enqueue('f', 'x')")
    kept = value(sql, "SELECT gman_enqueue('f', 'x', keep_result => true)")
    sql.execute("BEGIN")
    assert value(sql, "SELECT gman_complete(%s)", plain)
    sql.execute("ROLLBACK")
    ended = [value(sql, "SELECT gman_complete(%s, 'r')", handle) for handle in (plain, plain, kept, kept)]
    assert ended == [True, False, True, False]
    assert sql.execute("SELECT handle, state FROM gman_jobs").fetchall() == [(kept, "done")]
    assert value(sql, "SELECT gman_result(%s)", kept) == b"r"


def test_waiting_ends_with_the_job_or_the_timeout(database: Database, sql: Session, tmp_path: Path) -> None:
    handle = value(sql, "SELECT gman_enqueue('f', 'x')")
    assert not value(sql, "SELECT gman_wait(%s, '0.05 s')", handle)
    with GearbridgeServer(tmp_path, "--store", database.url) as server, working(server.address, f=lambda _: None):
        assert value(sql, "SELECT gman_wait(%s, '30 s')", handle)
    assert value(sql, "SELECT gman_wait(%s)", handle)


def test_waiting_for_what_cannot_come_is_refused(sql: Session) -> None:
    sql.execute("BEGIN")
    handle = value(sql, "SELECT gman_enqueue('f', 'x')")
    with pytest.raises(errors.ObjectNotInPrerequisiteState, match="cannot begin before the commit"):
        value(sql, "SELECT gman_wait(%s)", handle)
    sql.execute("ROLLBACK")
    sql.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(errors.InvalidTransactionState, match="READ COMMITTED"):
        value(sql, "SELECT gman_wait('S:1')")
    sql.execute("ROLLBACK")


def test_a_wait_is_interrupted_by_statement_timeout(sql: Session) -> None:
    handle = value(sql, "SELECT gman_enqueue('f', 'x')")
    sql.execute("SET statement_timeout = '100ms'")
    with pytest.raises(errors.QueryCanceled):
        value(sql, "SELECT gman_wait(%s)", handle)


def test_what_finished_long_ago_is_deleted_on_request(sql: Session) -> None:
    for state, age in ((3, 9), (3, 1), (2, 9), (2, 1), (1, None)):
        handle = value(sql, "SELECT gman_enqueue('f', 'x')")
        sql.execute(
            "UPDATE gearbridge.gearbridge_job SET state = %s,"
            " finished = extract(epoch FROM now()) - %s * 86400 WHERE handle = %s",
            (state, age, handle),
        )
    assert value(sql, "SELECT gearbridge.prune('10 days')") == 0
    sql.execute("BEGIN")
    assert value(sql, "SELECT gearbridge.prune('7 days', 'failed')") == 1
    sql.execute("ROLLBACK")
    assert value(sql, "SELECT gearbridge.prune('7 days', 'failed')") == 1
    assert value(sql, "SELECT gearbridge.prune('7 days', 'done')") == 1
    assert value(sql, "SELECT gearbridge.prune('12 hours')") == 2
    assert sql.execute("SELECT state FROM gman_jobs").fetchall() == [("ready",)]
    with pytest.raises(errors.NullValueNotAllowed):
        value(sql, "SELECT gearbridge.prune(NULL)")
    with pytest.raises(errors.InvalidParameterValue, match="no such state of a finished job: ready"):
        value(sql, "SELECT gearbridge.prune('1 day', 'ready')")


def test_autovacuum_looks_at_the_dead_rows_and_not_at_the_tables_size(sql: Session) -> None:
    options = value(sql, "SELECT reloptions FROM pg_class WHERE oid = 'gearbridge.gearbridge_job'::regclass")
    assert {"autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=10000"} <= set(options)
