"""Several servers on one database, killed and stopped under load: nothing acknowledged is lost, no late end is taken.

A trigger of the test's own writes down who ends which job: the end of a job whose owner is another node, or none any
more, would be one that the fence should have refused.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.server.config import ServerConfig
from tests.fixtures.postgres import make_database, value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.postgres import Database, Session

#: How often nodes are killed and stopped here; `make soak` does it more often.
KILLS = int(os.environ.get("GEARBRIDGE_TEST_NODE_KILLS", "4"))
PAUSES = int(os.environ.get("GEARBRIDGE_TEST_NODE_PAUSES", "1"))
WORKERS = int(os.environ.get("GEARBRIDGE_TEST_NODE_WORKERS", "6"))
LEASE = ServerConfig().lease
#: Seconds within which what a dead node had in hand must be with others, of 99 of 100 jobs.
TAKEOVER = 6.0

_AUDIT = """
CREATE TABLE ended (handle text, owner bigint, epoch bigint);
CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.ended VALUES (OLD.handle, OLD.owner,
        (SELECT node.epoch FROM gearbridge.gearbridge_node AS node WHERE node.session = pg_backend_pid()));
    RETURN NULL;
END $$;
CREATE TRIGGER note_end AFTER DELETE ON gearbridge.gearbridge_job FOR EACH ROW EXECUTE FUNCTION note_end();
"""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Database:
    return make_database(request.getfixturevalue("postgres_cluster"))


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """A database of each kind that nodes can share."""
    if request.param == "mariadb":
        made: str = request.getfixturevalue("mariadb").make_database()
        return made
    return make_database(request.getfixturevalue("postgres_cluster")).url


both = pytest.mark.parametrize("url", ["postgresql", "mariadb"], indirect=True)


class NodeServer(GearbridgeServer):
    """One of several."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        super().__init__(folder, "--store", url, "--node", name)
        self.name = name


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Iterator[tuple[NodeServer, NodeServer]]:
    with NodeServer(tmp_path, url, "a") as a, NodeServer(tmp_path, url, "b") as b:
        yield a, b


Pair = tuple[NodeServer, NodeServer]


@both
def test_a_job_given_to_one_node_is_done_on_another_and_seen_from_both(pair: Pair) -> None:
    a, b = pair
    with WireClient(a.port) as client, WireClient(b.port) as other:
        handle = client.ask("SUBMIT_JOB_BG", "f", "", "payload")[1]
        assert handle.startswith("H:a:")
        assert other.ask("GET_STATUS", handle) == ("STATUS_RES", handle, "1", "0", "0", "0")
        with WireClient(b.port) as worker:
            worker.send("CAN_DO", "f")
            worker.send("PRE_SLEEP")
            assert worker.hear() == ("NOOP",)
            assert worker.ask("GRAB_JOB") == ("JOB_ASSIGN", handle, "f", "payload")
            worker.send("WORK_STATUS", handle, "3", "4")
            wait_until(lambda: client.ask("GET_STATUS", handle)[2:] == ("1", "1", "3", "4"))
            wait_until(lambda: a.admin("status") == ["f\t1\t0\t0"])
            worker.send("WORK_COMPLETE", handle, "")
            wait_until(lambda: client.ask("GET_STATUS", handle)[2:] == ("0", "0", "0", "0"))
            wait_until(lambda: a.admin("status") == ["f\t0\t0\t0"])


@both
def test_unique_keys_cancel_and_nodes_are_the_same_from_everywhere(pair: Pair) -> None:
    a, b = pair
    with WireClient(a.port) as client, WireClient(b.port) as other:
        first = client.ask("SUBMIT_JOB_BG", "f", "u", "1")[1]
        assert other.ask("SUBMIT_JOB_BG", "f", "u", "2")[1] == first
        assert b.admin(f"cancel job {first}") == ["OK"]
        wait_until(lambda: client.ask("GET_STATUS", first)[2] == "0")
        assert other.ask("SUBMIT_JOB_BG", "f", "u", "3")[1] != first
        assert b.admin("maxqueue f 1") == ["OK"]
        full = ("ERROR", "QUEUE_ERROR", "Job queue is full")
        wait_until(lambda: client.ask("SUBMIT_JOB_BG", "f", "", "4") == full, what="the other node to know the limit")
    for server in (a, b):
        wait_until(lambda server=server: len(server.admin("nodes")) == 2)  # type: ignore[misc]
        rows = sorted(line.split("\t") for line in server.admin("nodes"))
        assert [(row[0], row[5]) for row in rows] == [(name, "*" if name == server.name else "-") for name in "ab"]
        assert all(0 < float(row[1]) <= LEASE for row in rows)


@both
def test_a_clean_stop_hands_over_at_once(pair: Pair) -> None:
    a, b = pair
    with WireClient(a.port) as client:
        handles = {client.ask("SUBMIT_JOB_BG", "f", "", str(number))[1] for number in range(10)}
    done: set[str] = set()
    with WireClient(a.port) as held:
        held.send("CAN_DO", "f")
        held.send("PRE_SLEEP")
        assert held.hear() == ("NOOP",)
        assert held.ask("GRAB_JOB")[0] == "JOB_ASSIGN"
        begin = time.monotonic()
        assert a.stop() == 0
    with working(b.address, f=lambda job: done.add(job.handle)):
        wait_until(lambda: done == handles)
    assert time.monotonic() - begin < LEASE, "nobody waited for the lease"


@both
def test_a_foreground_job_is_done_by_workers_of_its_own_node(pair: Pair) -> None:
    a, b = pair
    with WireClient(a.port) as client, WireClient(b.port) as elsewhere, WireClient(a.port) as here:
        handle = client.ask("SUBMIT_JOB", "f", "", "")[1]
        elsewhere.send("CAN_DO", "f")
        assert elsewhere.ask("GRAB_JOB") == ("NO_JOB",)
        here.send("CAN_DO", "f")
        assert here.ask("GRAB_JOB")[1] == handle
        here.send("WORK_COMPLETE", handle, "r")
        assert client.hear() == ("WORK_COMPLETE", handle, "r")


def test_a_rolling_restart_under_load_loses_and_repeats_nothing(database: Database, tmp_path: Path) -> None:
    servers = [NodeServer(tmp_path, database.url, name) for name in "abc"]
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(server)
        load = stack.enter_context(Load(servers))
        for server in servers:
            seen = len(load.done)
            wait_until(lambda seen=seen: len(load.done) > seen + 50)  # type: ignore[misc]
            assert server.process is not None
            with server.process as process:
                server.process = None
                process.send_signal(signal.SIGUSR1)
                assert process.wait() == 0
            server.start()
        load.finish()
    assert len(load.done) == len(set(load.done)), "none twice"
    assert set(load.acknowledged) <= set(load.done), "none lost"


def test_nodes_killed_and_stopped_under_load_lose_nothing_and_no_late_end_counts(
    database: Database, tmp_path: Path
) -> None:
    chance = random.Random(20261125)
    servers = [NodeServer(tmp_path, database.url, name) for name in "abc"]
    events = ["kill"] * KILLS + ["pause"] * PAUSES
    chance.shuffle(events)
    takeovers: list[float] = []
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.enter_context(server)
        db = stack.enter_context(contextlib.closing(database.connect()))
        db.execute(_AUDIT.encode())
        load = stack.enter_context(Load(servers))
        for event in events:
            server = chance.choice(servers)
            wait_until(lambda server=server: held_by(db, server.name), timeout=60)  # type: ignore[misc]
            time.sleep(chance.uniform(0.0, 1.0))  # the random moment
            held = held_by(db, server.name)
            if event == "kill":
                server.kill()
                takeovers += taken_over(db, held)
                server.start()
            else:
                os.kill(server.pid, signal.SIGSTOP)
                takeovers += taken_over(db, held)
                os.kill(server.pid, signal.SIGCONT)
        load.finish()
        wait_until(lambda: value(db, "SELECT count(*) FROM gearbridge.gearbridge_job") == 0)
        ends = db.execute("SELECT handle, owner, epoch FROM ended").fetchall()
    missing = set(load.acknowledged) - {handle for handle, _, _ in ends}
    assert not missing, f"{len(missing)} acknowledged jobs are lost"
    assert set(load.acknowledged) <= set(load.done)
    assert len(ends) == len({handle for handle, _, _ in ends}), "each ended once"
    late = [end for end in ends if end[1] != end[2]]
    assert not late, f"{len(late)} ends were taken from a node that did not have the job"
    takeovers.sort()
    p99 = takeovers[int(len(takeovers) * 0.99) - 1]
    print(
        f"{len(load.acknowledged)} jobs, {KILLS} kills, {PAUSES} stops, {load.refused} refused; {len(takeovers)} jobs "
        f"taken over, median {statistics.median(takeovers):.2f} s, p99 {p99:.2f} s"
    )
    assert p99 < TAKEOVER


def held_by(db: Session, name: str) -> dict[str, int]:
    """Handles of the jobs that this node has in hand, and under which epoch."""
    return dict(
        db.execute(
            "SELECT job.handle, job.owner FROM gearbridge.gearbridge_job AS job "
            "JOIN gearbridge.gearbridge_node AS node ON node.epoch = job.owner WHERE node.name = %s",
            [name],
        ).fetchall()
    )


def taken_over(db: Session, held: dict[str, int]) -> list[float]:
    """Wait until all of these jobs are with others, or done; how many seconds that took for each."""
    begin = time.monotonic()
    times: list[float] = []
    left = dict(held)
    while left:
        rows: dict[str, Any] = dict(
            db.execute(
                "SELECT handle, owner FROM gearbridge.gearbridge_job WHERE handle = ANY (%s)", [list(left)]
            ).fetchall()
        )
        now = time.monotonic() - begin
        for handle, owner in list(left.items()):
            if rows.get(handle) != owner:
                del left[handle]
                times.append(now)
        assert now < 30, f"{len(left)} jobs are still with a node that is gone"
        time.sleep(0.05)
    return times


class Load:
    """Clients and workers on all nodes, which go to the next node when theirs is gone."""

    def __init__(self, servers: list[NodeServer]) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self.done: list[str] = []  # as their workers saw it
        self._ports = [server.port for server in servers]
        self._no_more = threading.Event()
        self._stop = threading.Event()
        self._clients = [threading.Thread(target=self._submit, args=(number,)) for number in range(3)]
        self._workers = [threading.Thread(target=self._work, args=(number,)) for number in range(WORKERS)]

    def __enter__(self) -> Load:
        for thread in (*self._clients, *self._workers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._no_more.set()
        self._stop.set()
        for thread in (*self._clients, *self._workers):
            thread.join(60)
            assert not thread.is_alive(), "a client or worker hangs"

    def finish(self) -> None:
        """Submit no more, and have everything done."""
        self._no_more.set()
        for thread in self._clients:
            thread.join(60)
            assert not thread.is_alive(), "a client waits for a reply"
        wait_until(lambda: set(self.acknowledged) <= set(self.done), timeout=60)

    def _submit(self, number: int) -> None:
        turn = number
        while not self._no_more.is_set():
            turn += 1
            with contextlib.suppress(OSError, EOFError), WireClient(self._ports[turn % len(self._ports)]) as client:
                client.socket.settimeout(2)  # a node that is stopped does not answer
                while not self._no_more.is_set():
                    reply = client.ask("SUBMIT_JOB_BG", "f", "", "x")
                    if reply[0] == "JOB_CREATED":
                        self.acknowledged.append(reply[1])
                    else:
                        self.refused += 1
                    time.sleep(0.004)
            time.sleep(0.05)

    def _work(self, number: int) -> None:
        turn = number
        while not self._stop.is_set():
            turn += 1
            with contextlib.suppress(OSError, EOFError), WireClient(self._ports[turn % len(self._ports)]) as worker:
                worker.socket.settimeout(2)
                worker.send("CAN_DO", "f")
                for _ in range(100):  # then on to the next, so that none is without workers for long
                    if not self._stop.is_set():
                        self._do_one(worker)
            time.sleep(0.05)

    def _do_one(self, worker: WireClient) -> None:
        reply = worker.ask("GRAB_JOB")
        while reply[0] in {"NOOP", "ERROR"}:  # an ERROR: the node's lease was over before the job's end
            reply = worker.hear()
        if reply[0] == "JOB_ASSIGN":
            time.sleep(0.005)
            worker.send("WORK_COMPLETE", reply[1], "")
            self.done.append(reply[1])
        else:
            time.sleep(0.02)
