"""Large jobs: many more of them than memory has room for are stored and done, within what --memory says.

A short version with less of all runs with the tests; `make soak` takes as many jobs of 20 MB as are promised.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.mysql import SERVERS
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.stores.place import Place, make_place

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from pathlib import Path

JOBS = int(os.environ.get("GEARBRIDGE_TEST_LARGE_JOBS", "0"))
LONG = JOBS > 0
JOBS, SIZE, MEMORY = (JOBS, 20_000_000, 300_000_000) if LONG else (50, 5_000_000, 200_000_000)
PATIENCE = 60 + 8.0 * JOBS


@pytest.fixture(params=["sqlite", "postgresql", *SERVERS] if LONG else ["postgresql", "mariadb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A database of each kind; those of MySQL take packets of 64 MB."""
    return make_place(request, request.param, tmp_path / "jobs.db")


def do_all(port: int, done: list[str], jobs: int) -> None:
    """Do so many jobs."""
    with WireClient(port) as worker:
        worker.socket.settimeout(PATIENCE)
        worker.send("CAN_DO", "f")
        while len(done) < jobs:
            reply = worker.ask("GRAB_JOB")
            if reply[0] == "JOB_ASSIGN":
                assert len(reply[3]) == SIZE
                done.append(reply[3].partition(" ")[0])
                worker.send("WORK_COMPLETE", reply[1], "")
            else:
                worker.send("PRE_SLEEP")
                assert worker.hear() == ("NOOP",)
        assert worker.ask("ECHO_REQ", "behind") == ("ECHO_RES", "behind")


def test_large_jobs_are_done_once_within_the_memory(place: Place, tmp_path: Path) -> None:
    done: list[str] = []
    options = ("--store", place.url, "--memory", str(MEMORY), "--store-patience=120")
    with GearbridgeServer(tmp_path, *options) as server, WireClient(server.port) as client:
        assert server.process is not None
        client.socket.settimeout(PATIENCE)
        worker = threading.Thread(target=do_all, args=(server.port, done, JOBS))
        for numbers in (range(JOBS // 2), range(JOBS // 2, JOBS)):
            for number in numbers:
                client.socket.sendall(packet("SUBMIT_JOB_BG", "f", "", f"{number} ".encode().ljust(SIZE, b"\xff")))
            assert {client.hear()[0] for _ in numbers} == {"JOB_CREATED"}
            if not worker.ident:  # the rest comes meanwhile
                worker.start()
        worker.join(PATIENCE)
        most = server.process.most_memory
        print(f"{len(done)} jobs, at most {most / 1e6:.0f} MB")
        assert sorted(map(int, done)) == list(range(JOBS))
        wait_until(lambda: server.admin("status")[0].startswith("f\t0\t"), what="the end of the last job")
        assert most < MEMORY * 1.2
