"""On a disk of 600 flushes a second a server that dies gives out again at most what --unsettled says.

A short version runs with the tests, over the stores that start quickly; `make soak` finishes as many jobs as are
promised over each durable store, with the default of --unsettled.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.innodb_memcached import InnoDBMemcached
from tests.fixtures.mariadb import MariaDB
from tests.fixtures.mysql import MySQL
from tests.fixtures.processes import wait_until
from tests.fixtures.redis import Redis
from tests.fixtures.server import GearbridgeServer

from .test_unsettled import WORKERS, Workers
from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fixtures.slow_disk import SlowDisk

JOBS = int(os.environ.get("GEARBRIDGE_TEST_SLOW_DISK_JOBS", "300"))
LONG = JOBS > 1000
#: The default of --unsettled, or less where that would be more than there are jobs.
MOST = 1000 if LONG else 50
PATIENCE = 120.0


def url_of_postgresql(stack: contextlib.ExitStack) -> str:
    return stack.enter_context(TemporaryCluster()).url()


def url_of_mysql(stack: contextlib.ExitStack) -> str:
    return stack.enter_context(MySQL("--log-bin-trust-function-creators=ON")).make_database()


def url_of_mariadb(stack: contextlib.ExitStack) -> str:
    return stack.enter_context(MariaDB()).make_database()


def url_of_innodb_memcached(stack: contextlib.ExitStack) -> str:
    return stack.enter_context(InnoDBMemcached(stack.enter_context(MariaDB()))).url("test")


def url_of_redis(stack: contextlib.ExitStack) -> str:
    return stack.enter_context(Redis()).url("test")


_STORES: dict[str, Callable[[contextlib.ExitStack], str] | None] = {
    "sqlite": None,
    "postgresql": url_of_postgresql,
    "redis": url_of_redis,
}
if LONG:
    _STORES |= {"mysql": url_of_mysql, "mariadb": url_of_mariadb, "innodb-memcached": url_of_innodb_memcached}


@pytest.fixture(scope="module", params=_STORES)
def store(request: pytest.FixtureRequest, slow_disk: SlowDisk) -> Iterator[list[str]]:
    """The options of a server over a store on such a disk; database servers have their settings for durable commits."""
    url_of = _STORES[request.param]
    with contextlib.ExitStack() as stack:
        with slow_disk():
            options = ["--store", url_of(stack)] if url_of else []
        yield options


def waiting(server: GearbridgeServer) -> int:
    return sum(int(line.split("\t")[1]) for line in server.admin("status"))


@pytest.mark.parametrize("most", [MOST, 0], ids=["many", "none"])
def test_a_kill_repeats_no_more_than_may_be_unwritten(
    store: list[str], most: int, slow_disk: SlowDisk, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        with slow_disk():
            server = stack.enter_context(
                GearbridgeServer(tmp_path, *store, f"--unsettled={most}", "--store-patience=120")
            )
        new = JOBS + 4 * WORKERS  # so that it has enough to do when it dies
        jobs = new + waiting(server)  # the test before has left some
        with WireClient(server.port) as client:
            client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", "", str(number)) for number in range(new)))
            assert {client.hear()[0] for _ in range(new)} == {"JOB_CREATED"}
        workers = Workers(server.port)
        try:
            wait_until(lambda: workers.done >= JOBS, timeout=PATIENCE)
        finally:
            server.kill()
            workers.join()
        server.start()
        again = workers.done - (jobs - waiting(server))
        print(f"{again} of {workers.done} jobs again")
        assert again <= (most or WORKERS)
