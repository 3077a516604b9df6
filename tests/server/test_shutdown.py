"""The admin command `shutdown`, where it is allowed: a server that ends itself."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer

from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GearbridgeServer]:
    with GearbridgeServer(tmp_path, "--allow-shutdown") as started:
        yield started


def test_shutdown_answers_and_ends_with_status_0(server: GearbridgeServer) -> None:
    assert server.admin("shutdown") == ["OK"]
    assert server.process is not None
    assert server.process.wait() == 0


def test_shutdown_graceful_lets_the_job_in_hand_end(server: GearbridgeServer) -> None:
    with WireClient(server.port) as client, WireClient(server.port) as worker:
        client.send("SUBMIT_JOB", "f", "", "x")
        handle = client.hear()[1]
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB") == ("JOB_ASSIGN", handle, "f", "x")
        assert server.admin("shutdown graceful") == ["OK"]
        wait_until(lambda: not listens(server.port), what="the end of listening")
        worker.send("WORK_COMPLETE", handle, "done")
        assert client.hear() == ("WORK_COMPLETE", handle, "done")
        assert server.process is not None
        assert server.process.wait() == 0


def listens(port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0
