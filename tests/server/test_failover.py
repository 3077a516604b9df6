"""A database that fails over to another host: nothing lost, nothing done twice, no restart."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import psycopg
import pymysql
import pytest

from gearbridge.errors import StoreInUse, StoreUnavailable
from gearbridge.extension.mysql import install_mysql
from gearbridge.records import Drop, Put, StoredJob
from gearbridge.stores.registry import store_for
from tests.fixtures.galera import Galera
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
    from tests.fixtures.galera import Node

#: How often the database fails over here; `make soak` does it more often.
FAILOVERS = int(os.environ.get("GEARBRIDGE_TEST_FAILOVERS", "1"))
#: Seconds from the moment at which a host takes writes again until the work has to go on.
RESUMED_WITHIN = 10.0
#: MySQL's functions take no fewer arguments.
_ENQUEUE = "SELECT gman_enqueue('f', %s, NULL, NULL, NULL, NULL, NULL)"


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


class MariaDBGalera:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._galera = stack.enter_context(Galera())
        self._killed: Node | None = None
        self.url = self._galera.make_database()
        self._database = self.url.rpartition("/")[2]
        install_mysql(self.url)

    @contextlib.contextmanager
    def connect_anywhere(self) -> Iterator[Callable[[str], None]]:
        node = next(node for node in self._galera.nodes if node is not self._killed)
        try:
            with node.connect(self._database) as session, session.cursor() as cursor:
                yield lambda payload: cursor.execute(_ENQUEUE, (payload,))
        except pymysql.Error as error:
            raise OSError(error) from error

    def kill(self) -> None:
        self._killed = self.holders()[0]
        self._killed.kill()

    def start(self) -> None:
        alive = [node for node in self._galera.nodes if node is not self._killed]
        wait_until(lambda: all(node.state("wsrep_cluster_size") == "2" for node in alive), what="a new cluster of two")

    def mend(self) -> None:
        assert self._killed
        self._killed.start()
        self._killed = None

    def url_of_last(self) -> str:
        """The URL with the last node only."""
        return self.url.replace(self.url.partition("@")[2].rpartition(",")[0] + ",", "127.0.0.1:1,")

    @contextlib.contextmanager
    def last_behind(self) -> Iterator[Callable[[], object]]:
        """Have the last node apply nothing of what the others commit; gives whether somebody waits for it."""
        with self._galera.nodes[-1].connect() as session, session.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            question = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT version FROM%'"
            yield lambda: cursor.execute(question) and cursor.fetchone() == (1,)
            cursor.execute("UNLOCK TABLES")

    def leave_one(self) -> Node:
        """Kill all nodes but the one on which a server has the job table, until that is cut off; return it."""
        left = self.holders()[0]
        for node in self._galera.nodes:
            if node not in {left, self._killed}:
                node.kill()
        wait_until(lambda: left.state("wsrep_cluster_status") == "non-Primary", what="the last one to see that it is")
        return left

    def holders(self) -> list[Node]:
        """The nodes on which a server has the job table."""
        question = f"SELECT IS_USED_LOCK('{self._database}.gearbridge_job')"
        found = []
        for node in self._galera.nodes:
            if node is not self._killed:
                with node.connect() as session, session.cursor() as cursor:
                    cursor.execute(question)
                    found += [node] if cursor.fetchone() != (None,) else []
        return found


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
