"""A database that fails over to another host: nothing lost, nothing done twice, no restart."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import StoreInUse, StoreUnavailable
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

from .clusters import Cluster, MariaDBGalera, ReplicatedPostgreSQL
from .load import work_all
from .outage import outage_under_load
from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.bridge import StartBridge

#: How often the database fails over here; `make soak` does it more often.
FAILOVERS = int(os.environ.get("GEARBRIDGE_TEST_FAILOVERS", "1"))
#: Seconds from the moment at which a host takes writes again until the work has to go on.
RESUMED_WITHIN = 10.0


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


@pytest.fixture(scope="module", params=[ReplicatedPostgreSQL, MariaDBGalera])
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


def test_a_second_server_is_refused_though_it_reaches_another_host(cluster: Cluster) -> None:
    hosts = re.search(r"@([^/]+)/", cluster.url)
    assert hosts
    turned = cluster.url.replace(hosts[1], ",".join(reversed(hosts[1].split(","))))
    stores = [store_for(cluster.url), store_for(turned)]
    for first, second in (stores, reversed(stores)):
        first.open()
        with pytest.raises(StoreInUse, match="the job table is in use"):
            second.open()
        first.apply([Put(StoredJob(b"H:1", b"f", b"")), Drop(b"H:1")])
        first.close()


def test_a_node_that_is_behind_is_read_when_it_has_caught_up(cluster: Cluster) -> None:
    if not isinstance(cluster, MariaDBGalera):
        pytest.skip("nobody reads a standby of PostgreSQL's")
    store, elsewhere = store_for(cluster.url), store_for(cluster.url_of_last())
    store.open()
    store.apply([Put(StoredJob(b"H:1", b"f", b"")), Put(StoredJob(b"H:2", b"f", b""))])
    with ThreadPoolExecutor(1) as thread, cluster.last_behind() as waiting:
        store.apply([Drop(b"H:1")])
        store.close()
        opened = thread.submit(elsewhere.open)
        wait_until(lambda: opened.done() or waiting(), what="the other node to be asked")
        assert not opened.done(), "it would have said that the job is there"
    opened.result(30)
    assert [job.handle for job in elsewhere.replay()] == [b"H:2"]
    elsewhere.apply([Drop(b"H:2")])
    elsewhere.close()


def test_a_host_that_hangs_is_left_for_another(cluster: Cluster, tmp_path: Path) -> None:
    if isinstance(cluster, MariaDBGalera) and FAILOVERS == 1:
        pytest.skip("a node takes long to come back: make soak")
    with GearbridgeServer(tmp_path, "--store", cluster.url, "--store-patience", "120") as server:
        with WireClient(server.port) as client:
            client.ask("SUBMIT_JOB_BG", "f", "", "before")
            cluster.hang()
            client.send("SUBMIT_JOB_BG", "f", "", "while it hangs")
            cluster.start()
            begin = time.monotonic()
            assert client.hear()[0] == "JOB_CREATED"
            print(f"writes elsewhere, then a job acknowledged in {time.monotonic() - begin:.2f} s")
        assert sorted(payload for _, payload in work_all(server.port, 2)) == ["before", "while it hangs"]
    cluster.mend()


#: Few enough jobs in memory that others stay in the table and are claimed from it.
_OPTIONS = ("--store-patience", "120", "--window", "200")


def test_a_failover_under_load_loses_nothing_and_needs_no_restart(cluster: Cluster, tmp_path: Path) -> None:
    done: Counter[str] = Counter()

    def note(job: Job) -> None:
        done[job.payload.decode()] += 1

    expected: set[str] = set()
    with (
        GearbridgeServer(tmp_path, "--store", cluster.url, *_OPTIONS) as server,
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


def test_a_node_that_is_cut_off_from_its_cluster_is_waited_for(cluster: Cluster) -> None:
    if not isinstance(cluster, MariaDBGalera):
        pytest.skip("PostgreSQL knows no such thing")
    store = store_for(cluster.url)
    store.open()
    left = cluster.leave_one()
    for why in ("WSREP has not yet prepared node", "cut off from its cluster"):  # in the session, and for the next one
        with pytest.raises(StoreUnavailable, match=why):
            store.apply([Put(StoredJob(b"H:1", b"f", b"x"))])
    with left.connect() as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")  # it alone is the cluster
    wait_until(lambda: left.state("wsrep_cluster_status") == "Primary", what="a cluster of one")
    store.apply([Put(StoredJob(b"H:1", b"f", b"x"))])
    assert [job.handle for job in store.replay()] == [b"H:1"]
    store.close()


def test_a_bridge_goes_on_at_the_standby(tmp_path: Path, start_bridge: StartBridge) -> None:
    done: Counter[str] = Counter()

    def note(job: Job) -> None:
        done[job.payload.decode()] += 1

    with (
        contextlib.ExitStack() as stack,
        GearbridgeServer(tmp_path) as server,
        working(server.address, f=note),
    ):
        cluster = ReplicatedPostgreSQL(stack)
        bridge = start_bridge(cluster.url, server.address)
        enqueuer = Enqueuer(cluster, "job")
        wait_until(lambda: done, what="the bridge to work")
        cluster.kill()
        cluster.start()
        before = len(enqueuer.committed)
        wait_until(lambda: len(enqueuer.committed) > before + 10, what="the program to go on")
        enqueuer.stop()
        wait_until(lambda: set(enqueuer.committed) <= done.keys(), what="the bridge to go on")
        assert bridge.process.running
    assert max(done.values()) == 1
