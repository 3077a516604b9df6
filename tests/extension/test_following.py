"""gman_job and gman_status for what SQL enqueued: from the job table, without a connection to any server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from tests.fixtures.postgres import value
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.postgres import Database, Session

STATUS = "SELECT row_to_json(s) FROM gman_status(%s) AS s"
GONE = {"known": False, "running": False, "numerator": 0, "denominator": 0, "percentage": None, "waiting_clients": None}


@pytest.fixture
def sql(database: Database) -> Iterator[Session]:
    """A session that knows no job servers."""
    with database.connect() as session:
        yield session


def test_one_job_is_a_row_of_the_view(sql: Session) -> None:
    handle = value(sql, "SELECT gman_enqueue('f', 'four', 'key', 'low', max_attempts => 3, keep_result => true)")
    assert (
        sql.execute("SELECT * FROM gman_job(%s)", (handle,)).fetchall()
        == sql.execute("SELECT * FROM gman_jobs WHERE handle = %s", (handle,)).fetchall()
    )
    row = sql.execute(
        "SELECT function, unique_key, priority, state, attempts, max_attempts, keep_result, enqueued_by = session_user"
        " FROM gman_job(%s)",
        (handle,),
    ).fetchone()
    assert row == ("f", "key", "low", "ready", 0, 3, True, True)
    assert sql.execute("SELECT * FROM gman_job('S:0')").fetchall() == []


def test_progress_is_told_until_the_attempt_ends(database: Database, sql: Session, tmp_path: Path) -> None:
    finish = threading.Event()

    def slow(job: Job) -> bytes:
        job.send_status(1, 4)
        assert finish.wait(PATIENCE)
        finish.clear()
        raise ValueError("no disk")

    handle = value(sql, "SELECT gman_enqueue('f', 'x', max_attempts => 2)")
    begun = {**GONE, "known": True}
    assert value(sql, STATUS, handle) == begun
    with GearbridgeServer(tmp_path, "--store", database.url) as server, working(server.address, f=slow):
        running = {"known": True, "running": True, "numerator": 1, "denominator": 4, "percentage": 25}
        wait_until(lambda: value(sql, STATUS, handle) == {**running, "waiting_clients": None})
        finish.set()
        wait_until(lambda: value(sql, "SELECT attempts FROM gman_job(%s)", handle) == 1)
        assert value(sql, STATUS, handle) == begun
        wait_until(lambda: value(sql, STATUS, handle)["running"])
        finish.set()
        wait_until(lambda: value(sql, "SELECT state FROM gman_job(%s)", handle) == "failed")
    assert value(sql, STATUS, handle) == GONE
    assert value(sql, "SELECT error FROM gman_job(%s)", handle) == "ValueError: no disk"
    assert value(sql, STATUS, "S:0") == GONE


def test_without_pl_python_the_table_answers_for_every_handle(empty_database: Database) -> None:
    with empty_database.connect() as sql:
        sql.execute("CREATE EXTENSION gearbridge")
        handle = value(sql, "SELECT gman_enqueue('f', 'x')")
        assert value(sql, STATUS, handle) == {**GONE, "known": True}
        assert value(sql, STATUS, "H:host:1") == GONE
        assert sql.execute("SELECT * FROM gman_status(NULL)").fetchall() == [(None,) * 6]
        sql.execute("CREATE EXTENSION gearbridge_direct CASCADE")
        assert value(sql, STATUS, handle) == {**GONE, "known": True}
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="no job servers are set"):
            value(sql, STATUS, "H:host:1")
        sql.execute("DROP EXTENSION gearbridge_direct")
        assert value(sql, STATUS, "H:host:1") == GONE


def test_a_job_is_for_who_may_submit_its_function_or_monitor(database: Database, sql: Session) -> None:
    role = f"role_in_{database.name}"
    handle = value(sql, "SELECT gman_enqueue('secret', 'x')")
    sql.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        sql.execute("SELECT gearbridge.grant_submit(%s, 'mail_*')", (role,))
        with database.connect(role) as app:
            for call in ("gman_job(%s)", "gearbridge._job(%s)", "gman_status(%s)", "gearbridge._status(%s)"):
                theirs, nobodys = (
                    app.execute(f"SELECT * FROM {call}".encode(), (one,)).fetchall() for one in (handle, "S:0")
                )
                assert theirs == nobodys
                with pytest.raises((errors.CheckViolation, psycopg.errors.UndefinedFunction)):
                    app.execute(f"SELECT * FROM {call.replace(')', ', %s)')}".encode(), (handle, "postgres"))
            assert app.execute("SELECT * FROM gman_job('S:0')").fetchall() == []
            sql.execute("SELECT gearbridge.grant_monitor(%s)", (role,))
            assert value(app, "SELECT function FROM gman_job(%s)", handle) == "secret"
            assert value(app, "SELECT known FROM gman_status(%s)", handle)
    finally:
        sql.execute(f"DROP OWNED BY {role}".encode())
        sql.execute(f"DROP ROLE {role}".encode())
