"""Clients that write before they read, and clients that read slowly while workers stream to them: a program.

    python -m tests.server.crowd PORT SUBMITS MEGABYTES

A process of its own, so that who measures others' round trips meanwhile does not measure Python's threads. It ends when
all of them have got everything, with status 0.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import RESPONSE_MAGIC
from gearbridge.wire.parser import PacketParser

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Callable

#: Clients that write before they read, and pairs of a worker that streams and a client that reads slowly.
EARLY = 20
SLOW = 5
_CHUNK = 1 << 18


def speed_of(megabytes: int) -> int:
    """Bytes per second that a slow client reads; the short version is quicker, and still slower than its worker."""
    return 1_000_000 if megabytes > 100 else 4_000_000


def patience_for(megabytes: int) -> float:
    """Seconds after which a crowd of this size is stuck."""
    return 60 + 3 * megabytes * 1_000_000 / speed_of(megabytes)


class Crew:
    """Threads whose failures are the program's."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def run(self, call: Callable[..., None], *arguments: object) -> None:
        def guarded() -> None:
            try:
                call(*arguments)
            except BaseException as error:
                self.failures.append(error)

        self._threads.append(threading.Thread(target=guarded))
        self._threads[-1].start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


def read_slowly(client: WireClient, handle: str, megabytes: int) -> None:
    """Read a stream, and check that it is whole."""
    got, speed = 0, speed_of(megabytes)
    while (heard := client.hear())[0] == "WORK_DATA":
        got += len(heard[2])
        time.sleep(len(heard[2]) / speed)
    assert heard == ("WORK_COMPLETE", handle, "end")
    assert got == megabytes << 20


def stream(worker: WireClient, handle: str, megabytes: int) -> None:
    """Send a result in pieces, as fast as they are taken."""
    worker.socket.settimeout(patience_for(megabytes))
    for _ in range((megabytes << 20) // _CHUNK):
        worker.send("WORK_DATA", handle, bytes(_CHUNK))
    worker.send("WORK_COMPLETE", handle, "end")


def submit_then_read(client: WireClient, submits: int) -> None:
    """Submit all before the first read, and find each acknowledged."""
    some = packet("SUBMIT_JOB_BG", "bulk", "", "payload of a job") * 1000
    for _ in range(submits // 1000):
        client.socket.sendall(some)
    feed, answers = PacketParser(RESPONSE_MAGIC).feed, 0
    while answers < submits:
        data = client.socket.recv(1 << 16)
        assert data, "the server closed the connection"
        got = feed(data)
        assert all(command == commands.JOB_CREATED for command, _ in got)
        answers += len(got)


def main(port: int, submits: int, megabytes: int) -> None:
    crew = Crew()
    with ExitStack() as stack:
        for number in range(SLOW):
            client = stack.enter_context(WireClient(port, receive_buffer=_CHUNK))
            worker = stack.enter_context(WireClient(port))
            handle = client.ask("SUBMIT_JOB", f"stream{number}", "", "")[1]
            worker.send("CAN_DO", f"stream{number}")
            assert worker.ask("GRAB_JOB")[1] == handle
            crew.run(stream, worker, handle, megabytes)
            crew.run(read_slowly, client, handle, megabytes)
        for _ in range(EARLY):
            crew.run(submit_then_read, stack.enter_context(WireClient(port, receive_buffer=8192)), submits)
        crew.wait()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
