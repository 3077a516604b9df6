"""A store that hangs: its connections stay, and it says nothing. Submitters are refused when their patience ends."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.dashboard import WatchedServer
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import frozen_postgres
from tests.fixtures.processes import wait_until

from .outage import foreground_round_trip
from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fixtures._mysql_server import MySQLServer

    #: A block in which the store hangs.
    Hang = Callable[[], contextlib.AbstractContextManager[object]]

PATIENCE = 2.0


@pytest.fixture(params=["postgresql", "node", *SERVERS, "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[list[str], Hang]]:
    """The options of a server, and how its store hangs."""
    with contextlib.ExitStack() as stack:
        if request.param in {"postgresql", "node"}:
            cluster = stack.enter_context(TemporaryCluster())
            node = ["--node", "a"] if request.param == "node" else []
            yield ["--store", cluster.url(), *node], lambda: frozen_postgres(cluster)
        elif request.param in SERVERS:
            # And with a longest wait_timeout that is shorter than what a session of ours asks for.
            server = stack.enter_context(SERVERS[request.param]("--maximum-wait-timeout=604800"))
            yield ["--store", server.make_database()], lambda: _stopped(server)
        else:
            path = tmp_path / "jobs.db"
            yield ["--store", f"sqlite:///{path}"], lambda: _locked(path)


@contextlib.contextmanager
def _stopped(server: MySQLServer) -> Iterator[None]:
    server.hang()
    try:
        yield
    finally:
        server.resume()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_submitters_are_refused_and_the_server_is_not_ready(store: tuple[list[str], Hang], tmp_path: Path) -> None:
    options, hang = store
    with (
        WatchedServer(tmp_path, *options, "--store-patience", f"{PATIENCE}") as server,
        WireClient(server.port) as client,
        WireClient(server.port) as other,
        WireClient(server.port) as asking,
    ):
        kept = client.ask("SUBMIT_JOB_BG", "f", "", "before")
        assert kept[0] == "JOB_CREATED"
        with hang():
            client.send("SUBMIT_JOB_BG", "f", "", "1")
            foreground_round_trip(server.port)
            other.send("SUBMIT_JOB_BG", "f", "", "2")
            foreground_round_trip(server.port)
            asked = asking.ask("GET_STATUS", "S:1")  # which only the table can know
            assert asked[:2] == ("ERROR", "QUEUE_ERROR")
            assert client.hear()[:2] == other.hear()[:2] == ("ERROR", "QUEUE_ERROR")
            wait_until(lambda: server.get("/readyz").status == 503, what="the server not to be ready")
            foreground_round_trip(server.port)
            assert client.ask("SUBMIT_JOB_BG", "f", "", "3")[:2] == ("ERROR", "QUEUE_ERROR")
        wait_until(lambda: client.ask("SUBMIT_JOB_BG", "f", "", "after")[0] == "JOB_CREATED", what="jobs to be taken")
        wait_until(lambda: server.get("/readyz").status == 200, what="the server to be ready")
        if "--node" not in options:  # its lease may have ended meanwhile
            done = []
            client.send("CAN_DO", "f")
            while (reply := client.ask("GRAB_JOB"))[0] == "JOB_ASSIGN":
                done.append(reply[3])
                client.send("WORK_COMPLETE", reply[1], "")
            assert done[0] == "before"
            assert done[-1] == "after"
            assert not {"1", "2", "3"} & set(done), "what was refused is dropped, where it was written after all"
