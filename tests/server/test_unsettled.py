"""A server that dies gives out again at most what --unsettled says of what workers had finished."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.mysql import SERVERS
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer

from .test_identity import store_options, waiting
from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from pathlib import Path

WORKERS = 16

# Runs a program whose store takes its time for each commit group, as on a slow disk.
_SLOW = """
import runpy, sys, time
from gearbridge.persistence import store_thread as committer
quick = committer.apply_group
def slow(*arguments):
    time.sleep(0.15)
    return quick(*arguments)
committer.apply_group = slow
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class SlowServer(GearbridgeServer):
    slow = True

    def _command(self, port: int) -> list[str]:
        command = super()._command(port)
        return [sys.executable, "-c", _SLOW, *command] if self.slow else command


class Workers:
    """They do jobs until the server is gone; `done` counts what each has reported as done."""

    def __init__(self, port: int) -> None:
        self._done = [0] * WORKERS
        self._threads = [threading.Thread(target=self._work, args=(port, number)) for number in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> int:
        return sum(self._done)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self, port: int, number: int) -> None:
        with contextlib.suppress(OSError, EOFError), WireClient(port) as worker:
            worker.send("CAN_DO", "f")
            while True:
                reply = worker.ask("GRAB_JOB")
                if reply[0] == "JOB_ASSIGN":
                    worker.send("WORK_COMPLETE", reply[1], "")
                    self._done[number] += 1
                elif reply[0] == "NO_JOB":
                    assert worker.ask("PRE_SLEEP") == ("NOOP",)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", *SERVERS, "memcached", "innodb-memcached"])
@pytest.mark.parametrize(("most", "jobs", "until"), [(1000, 4000, 2000), (0, 400, 100)], ids=["by default", "none"])
def test_a_kill_repeats_no_more_than_may_be_unwritten(
    request: pytest.FixtureRequest, kind: str, most: int, jobs: int, until: int, tmp_path: Path
) -> None:
    options = [] if most else ["--unsettled=0"]
    with SlowServer(tmp_path, *store_options(request, kind, tmp_path.name), *options) as server:
        with WireClient(server.port) as client:
            client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", "", str(number)) for number in range(jobs)))
            assert {client.hear()[0] for _ in range(jobs)} == {"JOB_CREATED"}
        workers = Workers(server.port)
        try:
            wait_until(lambda: workers.done >= until, timeout=120)
        finally:
            server.kill()
            workers.join()
        server.slow = False
        server.start()
        again = workers.done - (jobs - waiting(server))
        assert again <= (most or WORKERS)
