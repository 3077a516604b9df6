"""A server with a small window: a queue deeper than its memory, killed, restarted, worked off in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.server.load import kill_under_load
from tests.server.test_durability import KILLS
from tests.server.wire_client import WireClient

from .enqueueing import handles_in
from .place import DRIVERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .place import Place

pytestmark = pytest.mark.parametrize("place", [kind for kind in DRIVERS if kind != "plain"], indirect=True)
WINDOW = 20


@pytest.fixture
def server(place: Place, tmp_path: Path) -> Iterator[GearbridgeServer]:
    with GearbridgeServer(tmp_path, "--store", place.url, "--window", str(WINDOW)) as server:
        yield server


def grab_all(port: int, count: int) -> list[tuple[str, str]]:
    """Handles and payloads of so many jobs, in the order in which a worker gets them that sleeps when it gets none."""
    done: list[tuple[str, str]] = []
    with WireClient(port) as worker:
        worker.send("CAN_DO", "f")
        while len(done) < count:
            worker.send("PRE_SLEEP")
            assert worker.hear() == ("NOOP",)
            while (reply := worker.ask("GRAB_JOB"))[0] == "JOB_ASSIGN":
                done.append((reply[1], reply[3]))
                worker.send("WORK_COMPLETE", reply[1], "")
        assert worker.ask("ECHO_REQ", "behind") == ("ECHO_RES", "behind")
    return done


def test_memory_holds_the_window_and_the_table_the_rest_in_order(place: Place, server: GearbridgeServer) -> None:
    with WireClient(server.port) as client:
        handles = [client.ask("SUBMIT_JOB_BG", "f", "", str(number))[1] for number in range(1500)]
        assert len(server.admin("show jobs")) == WINDOW
        assert server.admin("status") == ["f\t1500\t0\t0"]
        assert client.ask("GET_STATUS", handles[-1]) == ("STATUS_RES", handles[-1], "1", "0", "0", "0")
        assert client.ask("GET_STATUS", "H:none:1") == ("STATUS_RES", "H:none:1", "0", "0", "0", "0")
        assert client.ask("SUBMIT_JOB_HIGH_BG", "f", "", "high")[0] == "JOB_CREATED"
        client.socket.sendall(f"cancel job {handles[-1]}\ncancel job {handles[-1]}\n".encode())
        answer = b""
        while answer.count(b"\n") < 2:
            answer += client.socket.recv(100)
        assert answer == b"OK\r\nERR UNKNOWN_JOB\r\n"
    done = [payload for _, payload in grab_all(server.port, 1500)]
    assert done == ["high", *map(str, range(1499))]
    wait_until(lambda: handles_in(place) == set())
    assert server.admin("status") == ["f\t0\t0\t0"]


def test_kill_minus_9_loses_none_of_a_queue_deeper_than_memory(place: Place, server: GearbridgeServer) -> None:
    expected = kill_under_load(server, KILLS, 20261125)
    total = int(server.admin("status")[0].split("\t")[1])
    assert total >= len(expected)
    assert len(server.admin("show jobs")) < total, "the queue is deeper than memory"
    done = grab_all(server.port, total)
    assert {handle: payload for handle, payload in done if handle in expected} == expected
    assert len(done) == len(dict(done)), "no job is there twice"
    wait_until(lambda: handles_in(place) == set())
