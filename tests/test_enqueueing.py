"""gearbridge.enqueue: the same call on every kind of connection, in its transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from psycopg.rows import class_row, dict_row, kwargs_row, namedtuple_row, scalar_row
from pymysql.cursors import DictCursor, SSDictCursor
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

import gearbridge
from gearbridge.triggers import Trigger, create, installed
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import make_database
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gearbridge.extension.cluster import TemporaryCluster
    from tests.fixtures.place import Place
    from tests.fixtures.postgres import Database

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


@pytest.mark.parametrize("place", ["postgresql", *SERVERS], indirect=True)
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
    with pytest.raises(gearbridge.ConfigurationError, match="cannot enqueue through"):
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


class Record:
    """What somebody makes of a row."""

    def __init__(self, **columns: object) -> None:
        self.columns = columns


def connections_with_rows_of_all_kinds(place: Place) -> Iterator[Any]:
    """The driver's connections, each giving rows in another form."""
    url = make_url(place.url)
    if place.kind == "sqlite":
        for factory in (
            sqlite3.Row,
            lambda cursor, row: dict(zip([one[0] for one in cursor.description], row, strict=True)),
        ):
            db = sqlite3.connect(url.database or "")
            db.row_factory = factory
            yield db
    elif place.kind == "postgresql":
        for rows in (dict_row, namedtuple_row, scalar_row, class_row(Record), kwargs_row(Record)):
            yield psycopg.connect(place.url, row_factory=rows)
    else:
        login = {"host": url.host, "port": url.port or 0, "user": url.username, "password": url.password or ""}
        for cursor in (DictCursor, SSDictCursor):
            yield pymysql.connect(**login, database=url.database, cursorclass=cursor)


def test_rows_of_the_connection_may_have_any_form(place: Place) -> None:
    for number, db in enumerate(connections_with_rows_of_all_kinds(place)):
        with closing(db):
            key = f"key {number}"
            handle = gearbridge.enqueue(db, "f", "x", unique_key=key, run_at=datetime.now(UTC), traceparent=TRACE)
            assert gearbridge.enqueue(db, "f", "x", unique_key=key) == handle
            db.commit()
            assert (handle,) in place.rows("handle")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_rows_of_an_async_connection_too(place: Place) -> None:
    async def main() -> str:
        async with await psycopg.AsyncConnection.connect(place.url, row_factory=dict_row) as db:
            return await gearbridge.enqueue_async(db, "f", "x", traceparent=TRACE)

    handle = asyncio.run(main())
    assert place.rows("handle") == [(handle,)]


@pytest.fixture
def ascii_database(postgres_cluster: TemporaryCluster) -> Database:
    """A database of SQL_ASCII, whose text psycopg gives as bytes."""
    database = make_database(postgres_cluster, "TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with database.connect() as db:
        db.execute("CREATE EXTENSION gearbridge")
    return database


def test_handles_and_triggers_in_an_sql_ascii_database(ascii_database: Database) -> None:
    async def enqueue() -> str:
        async with await psycopg.AsyncConnection.connect(ascii_database.url, autocommit=True) as db:
            return await gearbridge.enqueue_async(db, "café", b"x")

    with ascii_database.connect() as db:
        handles = {gearbridge.enqueue(db, "café", b"x", unique_key="é"), asyncio.run(enqueue())}
        found = db.execute("SELECT handle FROM gman_jobs").fetchall()
        assert {bytes(handle).decode() for (handle,) in found} == handles
        db.execute('CREATE TABLE images (id int, "größe" text)'.encode())
        create(db, Trigger("images", "insert", "f", payload='NEW."größe"', columns=()))
        create(db, Trigger("images", "update", "g", columns=("größe",)))
        db.execute("INSERT INTO images VALUES (1, 'ß')".encode())
        db.execute("UPDATE images SET \"größe\" = 'ö'".encode())
        payloads = db.execute("SELECT payload FROM gearbridge.gearbridge_job ORDER BY id DESC LIMIT 2").fetchall()
        assert [bytes(payload).decode() for (payload,) in payloads] == ['{"größe": "ö"}', "ß"]
        assert {one.name for one in installed(db)} == {"images_f", "images_g"}
