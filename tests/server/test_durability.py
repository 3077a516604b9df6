"""kill -9 of a real server at any moment loses no acknowledged job: the first promise."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING

from tests.fixtures.processes import wait_until

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from tests.fixtures.server import GearbridgeServer

#: How often the server is killed here; `make soak` does it more often.
KILLS = 6


class Load:
    """A client that submits in the background, several at a time, and remembers which handle which payload got."""

    def __init__(self, port: int, name: str) -> None:
        self.acknowledged: dict[str, str] = {}  # handle: payload
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, name))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self, port: int, name: str) -> None:
        number = 0
        with contextlib.suppress(OSError, EOFError), WireClient(port) as client:
            while not self._stop.is_set():
                payloads = [f"{name}-{number + index}" for index in range(20)]
                number += len(payloads)
                client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", "", payload) for payload in payloads))
                for payload in payloads:
                    reply = client.hear()
                    assert reply[0] == "JOB_CREATED"
                    self.acknowledged[reply[1]] = payload


def work_all(port: int, count: int) -> list[tuple[str, str]]:
    """Do `count` jobs, and be sure that the server has their ends."""
    done = []
    with WireClient(port) as worker:
        worker.send("CAN_DO", "f")
        for _ in range(count):
            name, handle, _function, payload = worker.ask("GRAB_JOB")
            assert name == "JOB_ASSIGN"
            done.append((handle, payload))
            worker.send("WORK_COMPLETE", handle, "")
        assert worker.ask("ECHO_REQ", "behind") == ("ECHO_RES", "behind")
    return done


def test_kill_minus_9_loses_no_acknowledged_job(gearbridge_server: GearbridgeServer) -> None:
    server = gearbridge_server
    expected: dict[str, str] = {}
    chance = random.Random(20261123)
    for round_number in range(KILLS):
        loads = [Load(server.port, f"{round_number}-{index}") for index in range(3)]
        time.sleep(chance.uniform(0.02, 0.25))  # the random moment
        server.kill()
        for load in loads:
            load.stop()
            expected.update(load.acknowledged)
        server.start()
    assert len(expected) > 100, "the server was killed under load"
    lines = [line.split("\t")[0] for line in server.admin("show jobs")]
    assert set(expected) <= set(lines)
    assert len(lines) == len(set(lines)), "no job is there twice"
    queue = work_all(server.port, len(lines))
    found = dict(queue)
    assert {handle: found[handle] for handle in expected} == expected, "under the handle that was acknowledged"
    for name in {payload.rpartition("-")[0] for _, payload in queue}:
        numbers = [int(payload.rpartition("-")[2]) for _, payload in queue if payload.rpartition("-")[0] == name]
        assert numbers == sorted(numbers), "and in the order of submission"
    assert server.admin("status") == ["f\t0\t0\t0"] or server.admin("status") == ["f\t0\t0\t1"]


def test_ends_survive_a_clean_stop_and_handles_are_not_given_again(gearbridge_server: GearbridgeServer) -> None:
    server = gearbridge_server
    with WireClient(server.port) as client:
        handles = [client.ask("SUBMIT_JOB_BG", "f", "", str(number))[1] for number in range(10)]
    work_all(server.port, 7)
    assert server.stop() == 0
    server.start()
    assert [line.split("\t")[0] for line in server.admin("show jobs")] == handles[7:]
    with WireClient(server.port) as client:
        assert client.ask("GET_STATUS", handles[0]) == ("STATUS_RES", handles[0], "0", "0", "0", "0")
        assert client.ask("GET_STATUS", handles[8]) == ("STATUS_RES", handles[8], "1", "0", "0", "0")
        assert client.ask("SUBMIT_JOB_BG", "f", "", "new")[1] not in handles


def test_everything_of_a_job_survives(gearbridge_server: GearbridgeServer) -> None:
    server = gearbridge_server
    with WireClient(server.port) as client:
        low = client.ask("SUBMIT_JOB_LOW_BG", "f", "low key", b"\0low\xff")[1]
        high = client.ask("SUBMIT_JOB_HIGH_BG", "f", "k" * 255, "high")[1]
        later = client.ask("SUBMIT_JOB_EPOCH", "f", "", str(int(time.time()) + 3600), "later")[1]
        reduced = client.ask("SUBMIT_REDUCE_JOB_BACKGROUND", "f", "", "sum", "", "reduce")[1]
        with WireClient(server.port) as worker:  # one loss for the high one
            worker.send("CAN_DO", "f")
            assert worker.ask("GRAB_JOB")[1] == high
    wait_until(lambda: f"{high}\t1\t0\t1" in server.admin("show jobs"), what="the loss to be counted")
    with WireClient(server.port) as client:  # an acknowledged job is written after all that came before it
        client.ask("SUBMIT_JOB_EPOCH", "f", "", str(int(time.time()) + 3600), "behind the loss")
    server.kill()
    server.start()
    assert f"{high}\t1\t0\t1" in server.admin("show jobs")
    with WireClient(server.port) as worker:
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB_ALL") == ("JOB_ASSIGN_UNIQ", high, "f", "k" * 255, "high")
        assert worker.ask("GRAB_JOB_ALL") == ("JOB_ASSIGN_ALL", reduced, "f", "", "sum", "reduce")
        assert worker.ask("GRAB_JOB_ALL") == ("JOB_ASSIGN_UNIQ", low, "f", "low key", "\0low\xff")
        assert worker.ask("GRAB_JOB_ALL") == ("NO_JOB",)
        assert worker.ask("GET_STATUS", later) == ("STATUS_RES", later, "1", "0", "0", "0")
