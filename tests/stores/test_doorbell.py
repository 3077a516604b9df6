"""PostgreSQL's doorbell: it rings for those who were told to ring, also where many descriptors are open."""

from __future__ import annotations

import os
import resource
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from gearbridge.errors import StoreUnavailable
from gearbridge.stores.postgresql.sessions import SCHEMA
from gearbridge.stores.postgresql.wakeup import PostgreSQLWakeup
from tests.fixtures.postgres import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.postgres import Database
    from tests.fixtures.proxy import StartProxy

#: What select() cannot take.
_LOW_DESCRIPTORS = 1024


class StoreConnection(psycopg.Connection):
    """A connection as the store makes it: it knows its backend."""

    @property
    def backend(self) -> int:
        return self.info.backend_pid


@pytest.fixture
def wakeup(database: Database) -> Iterator[PostgreSQLWakeup]:
    options = f"-c search_path={SCHEMA}"
    bell = PostgreSQLWakeup(lambda: StoreConnection.connect(database.url, autocommit=True, options=options))
    yield bell
    bell.close()


def test_only_a_sleeper_is_rung_for(database: Database, wakeup: PostgreSQLWakeup) -> None:
    with database.connect() as sql:
        assert wakeup.arm()
        value(sql, "SELECT gman_enqueue('f', 'x')")
        assert wakeup.wait(30)
        wakeup.disarm()
        value(sql, "SELECT gman_enqueue('f', 'x')")
        assert not wakeup.wait(0.1)


def test_who_is_about_to_commit_keeps_it_from_falling_asleep(database: Database, wakeup: PostgreSQLWakeup) -> None:
    with database.connect() as sql:
        sql.execute("BEGIN")
        value(sql, "SELECT gman_enqueue('f', 'x')")
        assert not wakeup.arm()
        sql.execute("COMMIT")
        assert wakeup.arm()


def test_one_that_gets_no_answer_from_a_new_connection_says_so(database: Database, start_proxy: StartProxy) -> None:
    proxy = start_proxy(database.cluster.port)
    url = database.url.replace(f":{database.cluster.port}/", f":{proxy.port}/")

    def connect() -> psycopg.Connection:
        connection = StoreConnection.connect(url, autocommit=True, options=f"-c search_path={SCHEMA}")
        if silent:
            proxy.fall_silent()
        return connection

    silent = True
    bell = PostgreSQLWakeup(connect)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        bell.arm()
    silent = False
    assert bell.arm(), "the next one works"
    bell.close()


def test_a_wait_is_interrupted(wakeup: PostgreSQLWakeup) -> None:
    assert wakeup.arm()
    rung: list[bool] = []
    waiting = threading.Thread(target=lambda: rung.append(wakeup.wait(60)))
    waiting.start()
    wakeup.interrupt()
    waiting.join(30)
    assert rung == [False]


def test_it_rings_above_the_low_descriptors(database: Database) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * _LOW_DESCRIPTORS), before[1]))
    held = [os.open(os.devnull, os.O_RDONLY)]
    while held[-1] < _LOW_DESCRIPTORS:
        held.append(os.dup(held[0]))
    options = f"-c search_path={SCHEMA}"
    bell = PostgreSQLWakeup(lambda: StoreConnection.connect(database.url, autocommit=True, options=options))
    try:
        assert bell.arm()
        with database.connect() as sql:
            value(sql, "SELECT gman_enqueue('f', 'x')")
        assert bell.wait(30)
    finally:
        bell.close()
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
