"""A database that goes away and comes back, under load: nothing lost, nothing falsely acknowledged, no restart."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.innodb_memcached import InnoDBMemcached
from tests.fixtures.mariadb import MariaDB
from tests.fixtures.memcached import Memcached
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import kill_postgres
from tests.fixtures.processes import wait_until
from tests.fixtures.redis import Redis
from tests.fixtures.server import GearbridgeServer

from .load import check_all_there, work_all, work_off
from .outage import Mortal, outage_under_load
from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: How often the database is killed here; `make soak` does it more often.
KILLS = int(os.environ.get("GEARBRIDGE_TEST_DATABASE_KILLS", "2"))


class Database(Mortal, Protocol):
    """A database server that commits durably, and that the test may kill."""

    url: str


class PostgreSQL:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._cluster = stack.enter_context(TemporaryCluster())
        self.url = self._cluster.url()

    def kill(self) -> None:
        kill_postgres(self._cluster)

    def start(self) -> None:
        wait_until(self._restarted, 60, "PostgreSQL to start again")

    def _restarted(self) -> bool:
        try:
            self._cluster.restart()
        except ConfigurationError:  # backends of the killed server may not all have noticed yet
            return False
        return True


class MySQLFamily:
    def __init__(self, stack: contextlib.ExitStack, kind: str) -> None:
        self._server = stack.enter_context(SERVERS[kind]("--innodb-flush-log-at-trx-commit=1"))
        self.url = self._server.make_database()

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()


class InnoDBPlugin:
    """A MariaDB with the stand-in for MySQL's memcached plugin; the two go and come together."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._server = stack.enter_context(MariaDB("--innodb-flush-log-at-trx-commit=1"))
        self.url = stack.enter_context(InnoDBMemcached(self._server)).url()

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()


class RedisServer:
    """A redis-server that forces every write to its disk."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._server = stack.enter_context(Redis())
        self.url = self._server.url()

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()


_DATABASES: dict[str, Callable[[contextlib.ExitStack], Database]] = {
    "postgresql": PostgreSQL,
    **{kind: partial(MySQLFamily, kind=kind) for kind in SERVERS},
    "innodb-memcached": InnoDBPlugin,
    "redis": RedisServer,
}


@pytest.fixture(scope="module", params=list(_DATABASES))
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with contextlib.ExitStack() as stack:
        yield _DATABASES[request.param](stack)


def test_kill_minus_9_of_the_database_under_load(database: Database, tmp_path: Path) -> None:
    expected: dict[str, str] = {}
    with GearbridgeServer(tmp_path, "--store", database.url, "--store-patience", "120") as server:
        pid = server.pid
        for number in range(KILLS):
            expected.update(outage_under_load(database, server.port, str(number)))
        assert server.pid == pid
        before = server.admin("show jobs")
        server.kill()
        server.start()
        lines = server.admin("show jobs")
        assert [line.split("\t")[0] for line in lines] == [line.split("\t")[0] for line in before]
        check_all_there(work_off(server), expected)


def test_submitters_are_refused_when_their_patience_ends_and_ends_are_written_later(
    database: Database, tmp_path: Path
) -> None:
    with GearbridgeServer(tmp_path, "--store", database.url, "--store-patience", "0.5") as server:
        with WireClient(server.port) as client, WireClient(server.port) as worker:
            handle = client.ask("SUBMIT_JOB_BG", "f", "", "x")[1]
            kept = client.ask("SUBMIT_JOB_BG", "f", "", "y")[1]
            worker.send("CAN_DO", "f")
            assert worker.ask("GRAB_JOB")[1] == handle
            database.kill()
            begin = time.monotonic()
            reply = client.ask("SUBMIT_JOB_BG", "f", "", "refused")
            assert reply[:2] == ("ERROR", "QUEUE_ERROR")
            assert "cannot be reached" in reply[2]
            assert time.monotonic() - begin >= 0.5
            worker.send("WORK_COMPLETE", handle, "done while the database is away")
            assert worker.ask("ECHO_REQ", "") == ("ECHO_RES", ""), "the worker is not punished"
            database.start()
            wait_until(
                lambda: client.ask("SUBMIT_JOB_BG", "f", "", "after")[0] == "JOB_CREATED",
                what="background jobs to be taken again",
            )
        server.kill()
        server.start()
        handles = [line.split("\t")[0] for line in server.admin("show jobs")]
        assert handle not in handles
        assert [payload for _, payload in work_all(server.port, len(handles))] == ["y", "after"]
        assert handles[0] == kept


def test_a_memcached_that_goes_away_under_load_is_waited_for(tmp_path: Path) -> None:
    """The same, but for what was in it: memcached comes back empty, and only this server still has those jobs."""
    with (
        Memcached("-M", "-I", "16m") as memcached,
        GearbridgeServer(tmp_path, "--store", memcached.url(), "--store-patience", "120") as server,
    ):
        pid = server.pid
        expected = outage_under_load(memcached, server.port, "0")
        assert server.process
        assert "memcached was restarted and has lost its jobs" in server.process.stderr
        done = dict(work_all(server.port, len(server.admin("show jobs"))))
        assert server.pid == pid
        assert {handle: done[handle] for handle in expected} == expected
        with WireClient(server.port) as client:
            kept = client.ask("SUBMIT_JOB_BG", "f", "", "kept")[1]
        server.kill()
        server.start()
        assert [line.split("\t")[0] for line in server.admin("show jobs")] == [kept], "and no end was forgotten"


def test_a_database_that_is_away_at_the_start_is_a_clear_error(tmp_path: Path) -> None:
    server = GearbridgeServer(tmp_path, "--store", "postgresql://user:secret@127.0.0.1:1/jobs")
    with pytest.raises(AssertionError, match=r"cannot open the store postgresql://user@127\.0\.0\.1:1/jobs"):
        server.start()
