"""gearbridge.enqueue: the same call on every kind of connection, in its transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

import gearbridge
from gearbridge.extension.mysql import install_mysql
from gearbridge.stores.registry import store_for
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


class Place:
    """A database with the job table, and ways to connect to it."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url
        self.engine = create_engine(make_url(url).set(drivername=DRIVERS[kind]), poolclass=NullPool)

    def connect(self) -> Any:
        """The driver's own connection, in its usual mode."""
        url = make_url(self.url)
        if self.kind == "sqlite":
            return sqlite3.connect(url.database or "")
        if self.kind == "postgresql":
            return psycopg.connect(self.url)
        return pymysql.connect(
            host=url.host, port=url.port or 0, user=url.username, password=url.password or "", database=url.database
        )

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        """What is in the job table."""
        table = "gearbridge.gearbridge_job" if self.kind == "postgresql" else "gearbridge_job"
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY id"))]


@pytest.fixture(params=list(DRIVERS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "postgresql":
        return Place("postgresql", request.getfixturevalue("database").url)
    if request.param == "mysql":
        url = request.getfixturevalue("mariadb").make_database()
        install_mysql(url)
        return Place("mysql", url)
    url = f"sqlite:///{tmp_path / 'app.db'}"
    store = store_for(url)
    store.open()
    store.close()
    return Place("sqlite", url)


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


def test_a_connection_of_another_kind_is_refused() -> None:
    with pytest.raises(gearbridge.ConfigurationError, match="does not know what to do with"):
        gearbridge.enqueue(object(), "f", "x")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_async_connections_of_psycopg(place: Place) -> None:
    async def main() -> str:
        async with await psycopg.AsyncConnection.connect(place.url) as db:
            with pytest.raises(TypeError, match="'urgency'"):
                await gearbridge.enqueue_async(db, "f", "x", urgency=1)
            return await gearbridge.enqueue_async(db, "f", "x", priority="high")

    handle = asyncio.run(main())
    assert place.rows("handle, priority") == [(handle, 0)]
