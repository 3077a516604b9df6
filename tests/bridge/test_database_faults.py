"""What may happen to a PostgreSQL: those who take its jobs, a job server or a bridge, go on by themselves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.postgres import Database, Session
    from tests.fixtures.proxy import StartProxy

    #: Starts what takes the jobs of the database at this URL to a worker.
    Carry = Callable[[str], None]


@pytest.fixture
def sql(database: Database) -> Iterator[Session]:
    with database.connect() as session:
        yield session


@pytest.fixture(params=["server", "bridge"])
def carry(request: pytest.FixtureRequest, tmp_path: Path, start_bridge: StartBridge) -> Iterator[Carry]:
    with contextlib.ExitStack() as stack:

        def start(url: str) -> None:
            options = ["--store", url] if request.param == "server" else []
            server = stack.enter_context(GearbridgeServer(tmp_path, *options))
            if request.param == "bridge":
                stack.enter_context(contextlib.closing(start_bridge(url, server.address).process))
            stack.enter_context(working(server.address, f=lambda _job: None))

        yield start


def goes_through(sql: Session, payload: str) -> None:
    value(sql, "SELECT gman_enqueue('f', %s::text)", payload)
    done = "SELECT NOT EXISTS (SELECT FROM gearbridge.gearbridge_job)"
    wait_until(lambda: value(sql, done), what="a job to be done")


def others_end(database: Database, sql: Session) -> None:
    """Terminate every backend of this database but those of the test."""
    query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name ~ %s AND datname = %s"
    assert value(sql, query, "^gearbridge", database.name) > 0


def connects(database: Database, held: contextlib.ExitStack) -> bool:
    try:
        held.enter_context(database.connect())
    except psycopg.OperationalError:
        return False  # too many clients
    return True


def test_connections_that_are_half_open(
    database: Database, sql: Session, carry: Carry, start_proxy: StartProxy
) -> None:
    proxy = start_proxy(database.cluster.port)
    carry(database.url.replace(f":{database.cluster.port}/", f":{proxy.port}/"))
    goes_through(sql, "before")
    for number in range(2):
        assert proxy.fall_silent() > 0
        goes_through(sql, f"after {number}")


def test_backends_that_are_terminated(database: Database, sql: Session, carry: Carry) -> None:
    carry(database.url)
    goes_through(sql, "before")
    for number in range(3):
        others_end(database, sql)
        goes_through(sql, f"after {number}")


def test_connections_that_are_exhausted(database: Database, sql: Session, carry: Carry) -> None:
    carry(database.url)
    goes_through(sql, "before")
    with contextlib.ExitStack() as held:
        while connects(database, held):
            pass
        value(sql, "SELECT gman_enqueue('f', 'meanwhile')")
        others_end(database, sql)
        wait_until(lambda: connects(database, held), what="a place to be free")
        while connects(database, held):
            pass
    goes_through(sql, "after")
