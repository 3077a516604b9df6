"""Submitting under a test's eyes: which handles were acknowledged, and working off what is queued."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer


class Load:
    """A client that submits in the background, several at a time, and remembers which handle which payload got."""

    def __init__(self, port: int, name: str) -> None:
        self.acknowledged: dict[str, str] = {}  # handle: payload
        self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, name))
        self._thread.start()

    def stop(self) -> None:
        """Stop after the replies that are due, and wait for that."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a reply is missing"

    def _run(self, port: int, name: str) -> None:
        number = 0
        with contextlib.suppress(OSError, EOFError), WireClient(port) as client:
            while not self._stop.is_set():
                payloads = [f"{name}-{number + index}" for index in range(20)]
                number += len(payloads)
                client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", "", payload) for payload in payloads))
                for payload in payloads:
                    reply = client.hear()
                    if reply[0] == "JOB_CREATED":
                        self.acknowledged[reply[1]] = payload
                    else:
                        assert reply[:2] == ("ERROR", "QUEUE_ERROR")
                        self.refused += 1


def kill_under_load(server: JobServer, kills: int, seed: int) -> dict[str, str]:
    """Kill the server at random moments under load, and start it again; the jobs that were acknowledged, by handle."""
    acknowledged: dict[str, str] = {}
    chance = random.Random(seed)
    for number in range(kills):
        loads = [Load(server.port, f"{number}-{index}") for index in range(3)]
        time.sleep(chance.uniform(0.02, 0.15))  # the random moment
        server.kill()
        for load in loads:
            load.stop()
            acknowledged.update(load.acknowledged)
        server.start()
    assert len(acknowledged) > 100, "the server was killed under load"
    return acknowledged


def work_all(port: int, count: int) -> list[tuple[str, str]]:
    """Do `count` jobs, and be sure that the server has their ends. Returns handles and payloads, in order."""
    done: list[tuple[str, str]] = []
    with WireClient(port) as worker:
        worker.send("CAN_DO", "f")
        while len(done) < count:
            reply = worker.ask("GRAB_JOB")
            if reply == ("NO_JOB",):  # what is beyond the window comes in a moment
                worker.send("PRE_SLEEP")
                assert worker.hear() == ("NOOP",)
                continue
            name, handle, _function, payload = reply
            assert name == "JOB_ASSIGN"
            done.append((handle, payload))
            worker.send("WORK_COMPLETE", handle, "")
        assert worker.ask("ECHO_REQ", "behind") == ("ECHO_RES", "behind")
    return done


def work_off(server: JobServer) -> list[tuple[str, str]]:
    """Do all jobs that wait, also those that `show jobs` does not list because they are beyond the server's window."""
    lines = server.admin("status")
    return work_all(server.port, next(int(line.split("\t")[1]) for line in lines if line.startswith("f\t")))


def check_all_there(queue: list[tuple[str, str]], expected: dict[str, str]) -> None:
    """Every acknowledged job was given out once, under its handle, and in the order of its submission."""
    handles = [handle for handle, _ in queue]
    assert set(expected) <= set(handles)
    assert len(handles) == len(set(handles)), "no job is there twice"
    found = dict(queue)
    assert {handle: found[handle] for handle in expected} == expected, "under the handle that was acknowledged"
    sequences: dict[str, list[int]] = {}
    for _, payload in queue:
        name, _, number = payload.rpartition("-")
        sequences.setdefault(name, []).append(int(number))
    assert all(numbers == sorted(numbers) for numbers in sequences.values()), "in the order of submission"
