"""gearbridge.enqueue: the same call on every kind of connection, in its transaction."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from sqlalchemy.orm import Session

import gearbridge
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fixtures.place import Place

COLUMNS = "handle, payload, unique_key, priority, due, state, max_attempts, keep_result"


def test_a_job_is_there_with_the_commit_and_with_all_that_was_said(place: Place) -> None:
    due = datetime.now(timezone(timedelta(hours=5))) + timedelta(hours=1)
    with closing(place.connect()) as db:
        handle = gearbridge.enqueue(
            db, "f", b"\0\xff", unique_key="k", priority="low", run_at=due, max_attempts=3, keep_result=True
        )
        assert place.rows(COLUMNS) == []
        db.commit()
    ((*row,),) = place.rows(COLUMNS)
    assert row == [handle, b"\0\xff", "k", 2, int(due.timestamp()) + 1, 1, 3, 1]
    assert abs(place.rows("enqueued")[0][0] - time.time()) < 60


def test_a_rollback_leaves_nothing(place: Place) -> None:
    with closing(place.connect()) as db:
        gearbridge.enqueue(db, "f", "text")
        db.rollback()
    assert place.rows(COLUMNS) == []


def test_equal_unique_keys_are_one_job(place: Place) -> None:
    with closing(place.connect()) as db:
        first = gearbridge.enqueue(db, "f", "a", unique_key="k\\")
        assert gearbridge.enqueue(db, "f", "b", unique_key="k\\") == first
        others = {gearbridge.enqueue(db, "f", "c"), gearbridge.enqueue(db, "f", "c"), first}
        db.commit()
    assert {row[0] for row in place.rows("handle")} == others
    assert len(others) == 3


@pytest.mark.parametrize("session", [False, True])
def test_sqlalchemy_connections_and_sessions(place: Place, session: bool) -> None:
    make: Callable[[], Any] = (lambda: Session(place.engine)) if session else place.engine.connect
    with make() as db:
        handle = gearbridge.enqueue(db, "f", "caf\u00e9")
        db.rollback()
        handle = gearbridge.enqueue(db, "f", "caf\u00e9")
        db.commit()
    assert place.rows("handle, payload") == [(handle, "caf\u00e9".encode())]


@pytest.mark.parametrize(
    "options", [{"priority": "urgent"}, {"max_attempts": -1}, {"unique_key": "k" * 256}, {"function": ""}]
)
def test_what_cannot_be_is_refused(place: Place, options: dict[str, Any]) -> None:
    with closing(place.connect()) as db, pytest.raises((ValueError, psycopg.Error, pymysql.MySQLError)):
        gearbridge.enqueue(db, **{"function": "f", "payload": "x", **options})
    assert place.rows(COLUMNS) == []


def test_a_time_without_a_zone_is_refused(place: Place) -> None:
    with closing(place.connect()) as db, pytest.raises(ValueError, match="time zone"):
        gearbridge.enqueue(db, "f", "x", run_at=datetime(2030, 1, 1))


def test_a_server_on_the_same_database_does_the_job(place: Place, tmp_path: Path) -> None:
    done: list[tuple[str, bytes]] = []
    with GearbridgeServer(tmp_path, "--store", place.url) as server, closing(place.connect()) as db:
        handle = gearbridge.enqueue(db, "resize", b"cat")
        db.commit()
        with working(server.address, resize=lambda job: done.append((job.handle, job.payload))):
            wait_until(lambda: done == [(handle, b"cat")])


def test_a_trace_is_of_that_job_only_and_the_worker_gets_it(place: Place, tmp_path: Path) -> None:
    told: list[tuple[bytes, str]] = []
    with closing(place.connect()) as db:
        gearbridge.enqueue(db, "f", "traced", run_at=datetime.now(UTC), traceparent=TRACE)
        gearbridge.enqueue(db, "f", "plain")
        db.commit()
    with GearbridgeServer(tmp_path, "--store", place.url) as server:  # noqa: SIM117  one thing after the other
        with working(server.address, f=lambda job: told.append((job.payload, job.traceparent))):
            wait_until(lambda: len(told) == 2)
    assert sorted(told) == [(b"plain", ""), (b"traced", TRACE)]


@pytest.mark.parametrize("place", ["postgresql", "mysql"], indirect=True)
def test_the_sessions_trace_is_that_of_all_others(place: Place) -> None:
    own = TRACE.replace("b7", "c8")
    setting = {
        "mysql": "SET @gearbridge_traceparent = %s",
        "postgresql": "SELECT set_config('gearbridge.traceparent', %s, false)",
    }
    with closing(place.connect()) as db:
        cursor = db.cursor()
        cursor.execute(setting[place.kind], (TRACE,))
        gearbridge.enqueue(db, "f", "of the session")
        gearbridge.enqueue(db, "f", "of its own", traceparent=own)
        with pytest.raises(ValueError, match="'nonsense' is no traceparent"):
            gearbridge.enqueue(db, "f", "none", traceparent="nonsense")
        gearbridge.enqueue(db, "f", "of the session again")
        db.commit()
        cursor.execute(setting[place.kind], ("nonsense",))
        with pytest.raises((psycopg.Error, pymysql.MySQLError), match=r"gearbridge[._]traceparent"):
            gearbridge.enqueue(db, "f", "none")
    assert [row[0].removeprefix("\\x00") for row in place.rows("reducer")] == [TRACE, own, TRACE]


def test_a_connection_of_another_kind_is_refused() -> None:
    with pytest.raises(gearbridge.ConfigurationError, match="does not know what to do with"):
        gearbridge.enqueue(object(), "f", "x")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_async_connections_of_psycopg(place: Place) -> None:
    async def main() -> str:
        async with await psycopg.AsyncConnection.connect(place.url) as db:
            with pytest.raises(TypeError, match="'urgency'"):
                await gearbridge.enqueue_async(db, "f", "x", urgency=1)
            return await gearbridge.enqueue_async(db, "f", "x", priority="high", traceparent=TRACE)

    handle = asyncio.run(main())
    assert place.rows("handle, priority, reducer") == [(handle, 0, "\\x00" + TRACE)]
