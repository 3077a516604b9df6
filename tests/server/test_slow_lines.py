"""A database behind a slow line: every job is done once, over the connections that there are, in little memory.

A short version runs with the tests; `make soak` takes as many jobs as are promised.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.fixtures.processes import wait_until
from tests.fixtures.proxy import Line
from tests.fixtures.server import GearbridgeServer
from tests.stores.enqueueing import enqueue, handles_in
from tests.stores.place import Place, make_place

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.processes import Process
    from tests.fixtures.proxy import StartProxy

    Start = Callable[[], contextlib.AbstractContextManager["Slow"]]

#: Jobs of a test; the first half of them SQL enqueues.
JOBS = int(os.environ.get("GEARBRIDGE_TEST_SLOW_LINE_JOBS", "200"))
SIZE = 20_000
#: A megabyte a second, where every fiftieth piece of 8 kB is held up. The promise is for 300 ms there and back; there a
#: start takes twenty seconds.
LINE = Line(rate=1_000_000, latency=0.15 if JOBS >= 1000 else 0.02, stalls=0.02, stall=0.3)
MEMORY = 150_000_000
#: Seconds until all is done, far above what the line needs.
PATIENCE = 60 + 10 * JOBS * SIZE / LINE.rate

_SESSIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name LIKE 'gearbridge%%'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
}


class PatientServer(GearbridgeServer):
    """A server whose start takes many round trips over such a line."""

    def _wait_until_ready(self, process: Process, port: int) -> None:
        process.wait_for_stderr(rf"listening on {self.host}:{port}\b", PATIENCE)


class Slow(NamedTuple):
    """A job server for clients and workers, and the process that has the database behind a line; often the same."""

    server: GearbridgeServer
    process: Process
    place: Place

    def sessions(self) -> set[int]:
        """The database's numbers of the sessions of that process."""
        with self.place.connect() as connection:
            return set(connection.exec_driver_sql(_SESSIONS[self.place.dialect]).scalars())


@pytest.fixture(params=["postgresql", "node", "mariadb", "mysql", "bridge"])
def start(request: pytest.FixtureRequest, tmp_path: Path, start_proxy: StartProxy, start_bridge: StartBridge) -> Start:
    """Starts what takes jobs from a database behind such a line, with the tables made beforehand."""
    kind = request.param if request.param in {"mariadb", "mysql"} else "postgresql"
    place = make_place(request, kind, tmp_path / "none")
    port = urlsplit(place.url).port
    assert port
    store = place.store()
    store.open()
    store.close()

    @contextlib.contextmanager
    def behind() -> Iterator[Slow]:
        url = place.url.replace(f":{port}/", f":{start_proxy(port, LINE).port}/")
        options = ["memory:"] if request.param == "bridge" else [url]
        if request.param == "node":
            options += ["--node", "a"]
        with PatientServer(tmp_path, "--store", *options) as server:
            assert server.process is not None
            bridge = start_bridge(url, server.address).process if request.param == "bridge" else None
            yield Slow(server, bridge or server.process, place)

    return behind


def done_by_a_worker(server: GearbridgeServer, jobs: int) -> list[str]:
    """Do so many jobs, and be sure that the server has their ends; what their payloads begin with."""
    done: list[str] = []
    with WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        worker.socket.settimeout(PATIENCE)
        while len(done) < jobs:
            reply = worker.ask("GRAB_JOB")
            if reply[0] == "JOB_ASSIGN":
                worker.send("WORK_COMPLETE", reply[1], "")
                done.append(reply[3].partition(" ")[0])
            elif reply[0] == "NO_JOB":
                worker.send("PRE_SLEEP")
                assert worker.hear() == ("NOOP",)
        assert worker.ask("ECHO_REQ", "behind") == ("ECHO_RES", "behind")
    return done


def test_all_jobs_are_done_once_without_a_new_connection_and_in_little_memory(start: Start) -> None:
    payloads = [f"{number} ".encode().ljust(SIZE, b"x") for number in range(JOBS)]
    enqueued, submitted = payloads[: JOBS // 2], payloads[JOBS // 2 :]
    with start() as slow, WireClient(slow.server.port) as client:
        sessions = slow.sessions()
        enqueue(slow.place, *({"handle": f"S:{number}", "payload": one} for number, one in enumerate(enqueued)))
        client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", "", one) for one in submitted))
        client.socket.settimeout(PATIENCE)
        assert [reply for _ in submitted if (reply := client.hear())[0] != "JOB_CREATED"] == []
        done = done_by_a_worker(slow.server, JOBS)
        assert sorted(map(int, done)) == list(range(JOBS))
        wait_until(lambda: not handles_in(slow.place), PATIENCE, "the ends to be written")
        assert sessions <= slow.sessions()
        assert "silent" not in slow.process.stderr
        assert slow.process.most_memory < MEMORY
