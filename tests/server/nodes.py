"""Servers that share a database, a load on all of them, and what the database says of who has which job."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer

from .wire_client import WireClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.postgres import Session

#: Workers of a Load; `make soak` has more.
WORKERS = int(os.environ.get("GEARBRIDGE_TEST_NODE_WORKERS", "6"))


class NodeServer(GearbridgeServer):
    """One of several."""

    def __init__(self, folder: Path, url: str, name: str, *options: str) -> None:
        super().__init__(folder, "--store", url, "--node", name, *options)
        self.name = name


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
        while reply[0] == "NOOP":
            reply = worker.hear()
        if reply[0] == "JOB_ASSIGN":
            time.sleep(0.005)
            worker.send("WORK_COMPLETE", reply[1], "")
            self.done.append(reply[1])
        else:
            time.sleep(0.02)
