"""A database that fails over to another host: nothing lost, nothing done twice, no restart."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest

from tests.fixtures.postgres import frozen_postgres, kill_postgres, value
from tests.fixtures.processes import wait_until
from tests.fixtures.replicas import Pair
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

from .load import work_all
from .outage import Mortal, outage_under_load
from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gearbridge import Job

#: How often the database fails over here; `make soak` does it more often.
FAILOVERS = int(os.environ.get("GEARBRIDGE_TEST_FAILOVERS", "1"))
#: Seconds from the moment at which a host takes writes again until the work has to go on.
RESUMED_WITHIN = 10.0


class Cluster(Mortal, Protocol):
    """A database on several hosts: `kill` ends the one that takes writes, `start` returns when another one does."""

    #: With all hosts.
    url: str

    def connect_anywhere(self) -> contextlib.AbstractContextManager[Callable[[str], None]]:
        """A session at the host that takes writes, which enqueues a job of this payload. It raises OSError."""

    def mend(self) -> None:
        """Have as many hosts as in the beginning."""


class ReplicatedPostgreSQL:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.pair = stack.enter_context(Pair())
        self.url = self.pair.url

    @contextlib.contextmanager
    def connect_anywhere(self) -> Iterator[Callable[[str], None]]:
        try:
            with psycopg.connect(f"{self.url}?target_session_attrs=read-write", autocommit=True) as session:
                yield lambda payload: value(session, "SELECT gman_enqueue('f', %s::text)", payload)
        except psycopg.OperationalError as error:
            raise OSError(error) from error

    def kill(self) -> None:
        self.pair.kill()

    def start(self) -> None:
        self.pair.promote()

    def mend(self) -> None:
        self.pair.follow()


class Enqueuer:
    """A program that enqueues by SQL, job after job, and goes on elsewhere when its host goes away."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.committed: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(cluster, name))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a commit does not return"

    def _run(self, cluster: Cluster, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            with contextlib.suppress(OSError), cluster.connect_anywhere() as enqueue:
                while not self._stop.wait(0.005):
                    number += 1  # never again, whatever becomes of it
                    enqueue(f"{name}-{number}")
                    self.committed.append(f"{name}-{number}")
            self._stop.wait(0.05)


@pytest.fixture(scope="module", params=[ReplicatedPostgreSQL])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        yield request.param(stack)


class Measured:
    """A cluster that, when it takes writes again, has a job submitted; tells when that is acknowledged, and done."""

    def __init__(self, cluster: Cluster, port: int, payload: str, done: Counter[str]) -> None:
        self._cluster = cluster
        self._port = port
        self._payload = payload
        self._done = done

    def kill(self) -> None:
        self._cluster.kill()

    def start(self) -> None:
        self._cluster.start()
        begin = time.monotonic()
        with WireClient(self._port) as client:
            assert client.ask("SUBMIT_JOB_HIGH_BG", "f", "", self._payload)[0] == "JOB_CREATED"
            acknowledged = time.monotonic() - begin
            wait_until(lambda: self._done[self._payload], RESUMED_WITHIN, "a job to be done")
        print(
            f"writes again, then a job acknowledged in {acknowledged:.2f} s, done in {time.monotonic() - begin:.2f} s"
        )


def fail_over(cluster: Cluster, port: int, name: str, done: Counter[str]) -> set[str]:
    """Kill the host in use under load, and see the work go on; what must have been done in the end."""
    enqueuer = Enqueuer(cluster, f"{name}-sql")
    wait_until(lambda: enqueuer.committed, what="a program to enqueue")
    acknowledged = outage_under_load(Measured(cluster, port, f"{name}-first", done), port, name)
    before = len(enqueuer.committed)
    wait_until(lambda: len(enqueuer.committed) > before, what="the program to go on")
    enqueuer.stop()
    return {f"{name}-first", *enqueuer.committed, *acknowledged.values()}


def test_a_failover_under_load_loses_nothing_and_needs_no_restart(cluster: Cluster, tmp_path: Path) -> None:
    done: Counter[str] = Counter()

    def note(job: Job) -> None:
        done[job.payload.decode()] += 1

    expected: set[str] = set()
    with (
        GearbridgeServer(tmp_path, "--store", cluster.url, "--store-patience", "120") as server,
        working(server.address, f=note),
        working(server.address, f=note),
    ):
        pid = server.pid
        for number in range(FAILOVERS):
            if number:
                cluster.mend()
            expected |= fail_over(cluster, server.port, str(number), done)
        wait_until(lambda: expected <= done.keys(), 60, "all that was acknowledged to be done")
        wait_until(lambda: "f\t0\t0\t2" in server.admin("status"), what="nothing to be left")
        assert server.pid == pid
        assert server.process
        assert server.process.running
    assert [payload for payload, times in done.items() if times > 1] == []


def test_a_primary_that_hangs_is_left_for_the_standby(tmp_path: Path) -> None:
    with Pair() as pair, GearbridgeServer(tmp_path, "--store", pair.url, "--store-patience", "120") as server:
        with WireClient(server.port) as client:
            client.ask("SUBMIT_JOB_BG", "f", "", "before")
            with frozen_postgres(pair.primary):
                client.send("SUBMIT_JOB_BG", "f", "", "while it hangs")
                threading.Event().wait(0.1)  # it may be on its way
                hanging = pair.primary
                pair.promote()
                begin = time.monotonic()
                assert client.hear()[0] == "JOB_CREATED"
                print(f"writes elsewhere, then a job acknowledged in {time.monotonic() - begin:.2f} s")
                kill_postgres(hanging)
        assert sorted(payload for _, payload in work_all(server.port, 2)) == ["before", "while it hangs"]
