"""Memory of all connections together: what strangers send and do not read stays within --memory, others are served."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge.wire import commands
from gearbridge.wire.packets import HEADER, REQUEST_MAGIC
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GearbridgeServer

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTE = 1 << 20
#: Attackers at once; the long version has the 200 that are promised.
ATTACKERS = int(os.environ.get("GEARBRIDGE_TEST_ATTACKERS", "30"))
BUDGET = 256 * MEGABYTE


def resident(server: GearbridgeServer) -> int:
    """The server's memory in bytes."""
    with open(f"/proc/{server.pid}/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def log_of(server: GearbridgeServer) -> str:
    assert server.process is not None
    return server.process.stderr


class Honest:
    """A client with a worker, both of which nothing is dropped from; `round_trip` says how long a job takes."""

    def __init__(self, stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
        self._server = server
        self._client = stack.enter_context(WireClient(server.port))
        self._worker = stack.enter_context(WireClient(server.port))
        self._worker.send("CAN_DO", "honest")
        self.slowest = 0.0
        self.largest = 0

    def round_trip(self) -> None:
        begin = time.monotonic()
        handle = self._client.ask("SUBMIT_JOB", "honest", "", "payload")[1]
        assert self._worker.ask("GRAB_JOB")[1] == handle
        self._worker.send("WORK_COMPLETE", handle, "result")
        assert self._client.hear() == ("WORK_COMPLETE", handle, "result")
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.largest = max(self.largest, resident(self._server))

    def report(self) -> None:
        """Print what pytest -s shows."""
        print(f"slowest round trip {self.slowest * 1000:.0f} ms, up to {self.largest // MEGABYTE} MB")


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """Ends what a test has opened."""
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.fixture
def server(stack: contextlib.ExitStack, tmp_path: Path) -> GearbridgeServer:
    return stack.enter_context(GearbridgeServer(tmp_path, "--store", "memory:", "--memory", str(BUDGET)))


def attacker(stack: contextlib.ExitStack, server: GearbridgeServer) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))


def test_packets_that_never_end_stay_within_the_budget(stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
    honest = Honest(stack, server)
    beginning = HEADER.pack(REQUEST_MAGIC, commands.SUBMIT_JOB, 60_000_000) + b"f\0\0"
    attackers = [attacker(stack, server) for _ in range(ATTACKERS)]
    for one in attackers:
        one.sendall(beginning)
    for _ in range(40):
        for one in attackers:
            with contextlib.suppress(OSError):  # it was dropped
                one.sendall(bytes(MEGABYTE))
        honest.round_trip()
    honest.report()
    assert honest.largest < BUDGET * 1.2
    assert "dropped 127.0.0.1, which holds" in log_of(server)
    assert "connections hold" in log_of(server)
    for one in attackers:
        one.close()
    wait_until(lambda: resident(server) < 100 * MEGABYTE, what="the memory of those that left")


def test_answers_that_nobody_reads_stay_within_the_budget(
    stack: contextlib.ExitStack, server: GearbridgeServer
) -> None:
    honest = Honest(stack, server)
    names = stack.enter_context(WireClient(server.port))
    for first in range(0, 5000, 500):
        names.socket.sendall(b"".join(packet("CAN_DO", f"{n:06}" + "x" * 490) for n in range(first, first + 500)))
        assert names.ask("ECHO_REQ", "") == ("ECHO_RES", "")
    for _ in range(ATTACKERS):
        one = attacker(stack, server)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(b"status\nworkers\n" * 12)
        honest.round_trip()
    for _ in range(50):
        honest.round_trip()
    honest.report()
    assert honest.largest < BUDGET * 1.2


def test_many_questions_with_long_answers_are_answered_when_they_are_read(
    stack: contextlib.ExitStack, server: GearbridgeServer
) -> None:
    worker = stack.enter_context(WireClient(server.port))
    worker.socket.sendall(b"".join(packet("CAN_DO", f"{n:06}" + "x" * 490) for n in range(500)))
    assert worker.ask("ECHO_REQ", "") == ("ECHO_RES", "")
    asking = stack.enter_context(WireClient(server.port))
    asking.socket.sendall(b"status\n" * 100 + packet("ECHO_REQ", "behind"))
    lines = 0
    while (heard := asking.hear()) != ("ECHO_RES", "behind"):
        lines += heard[1:] == (".",)
    assert lines == 100


def test_names_go_with_the_worker_that_said_them(stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
    before = resident(server)
    with WireClient(server.port) as worker:
        for first in range(0, 40_000, 1000):
            worker.socket.sendall(b"".join(packet("CAN_DO", f"{n:06}" + "x" * 490) for n in range(first, first + 1000)))
        worker.send("ECHO_REQ", "end")
        while (heard := worker.hear()) != ("ECHO_RES", "end"):
            assert heard[:2] == ("ERROR", "QUEUE_ERROR"), "so many names are refused"
    wait_until(lambda: resident(server) - before < 80 * MEGABYTE, what="the memory of the names")
    assert len(server.admin("status")) < 10_000


def test_background_jobs_are_refused_and_foreground_jobs_are_not(
    stack: contextlib.ExitStack, server: GearbridgeServer
) -> None:
    honest = Honest(stack, server)
    submitter = stack.enter_context(WireClient(server.port))
    payload = os.urandom(MEGABYTE)
    replies = [submitter.ask("SUBMIT_JOB_BG", "f", "", payload) for _ in range(300)]
    refused = [reply for reply in replies if reply[0] == "ERROR"]
    assert {reply[1:] for reply in refused} == {("QUEUE_ERROR", "The server is short of memory")}
    honest.round_trip()
    assert honest.largest < BUDGET * 1.2
    assert "short of memory" in log_of(server)
    submitter.send("CAN_DO", "f")
    for _ in range(len(replies) - len(refused)):
        assigned = submitter.ask("GRAB_JOB")
        submitter.send("WORK_COMPLETE", assigned[1], "")
    wait_until(
        lambda: submitter.ask("SUBMIT_JOB_BG", "f", "", payload)[0] == "JOB_CREATED", what="room for background jobs"
    )


def test_what_a_client_sent_is_free_when_it_leaves(stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
    before = resident(server)
    beginning = HEADER.pack(REQUEST_MAGIC, commands.SUBMIT_JOB, 60_000_000) + b"f\0\0"
    for _ in range(6):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as one:
            one.sendall(beginning + bytes(50 * MEGABYTE))
    wait_until(lambda: resident(server) - before < 40 * MEGABYTE, what="the memory of those that left")


def test_bytes_of_a_web_page_are_no_packets(stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
    submit = packet("SUBMIT_JOB_BG", "injected", "", "payload")
    for newline in (b"", b"\n"):
        for method in (b"POST", b"PUT", b"OPTIONS", b"ANYTHING"):
            head = method + b" /page HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n"
            page = attacker(stack, server)
            page.sendall(head + newline + submit)
            assert page.recv(1) == b""
            with contextlib.suppress(OSError):
                page.sendall(submit)
    assert server.admin("status") == []


def test_the_last_answer_arrives_before_the_end(stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
    client = stack.enter_context(WireClient(server.port))
    client.socket.sendall(b"\0BAD" + bytes(8) + bytes(5 * MEGABYTE))
    assert client.hear() == ("ERROR", "INVALID_MAGIC", "Request magic expected")
    with pytest.raises(EOFError):
        client.hear()


def test_a_packet_over_the_limit_costs_one_job_and_no_connection(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = stack.enter_context(GearbridgeServer(tmp_path, "--max-packet", str(MEGABYTE)))
    client = stack.enter_context(WireClient(server.port))
    worker = stack.enter_context(WireClient(server.port))
    worker.send("CAN_DO", "f")
    large = b"x" * (3 * MEGABYTE)
    assert client.ask("SUBMIT_JOB", "f", "", large)[:2] == ("ERROR", "ARGUMENT_TOO_LARGE")
    assert client.ask("OPTION_REQ", "exceptions") == ("OPTION_RES", "exceptions")
    for kind in ("WORK_COMPLETE", "WORK_DATA", "WORK_EXCEPTION", "WORK_WARNING"):
        handle = client.ask("SUBMIT_JOB", "f", "", "small")[1]
        assert worker.ask("GRAB_JOB")[1] == handle
        worker.send(kind, handle, large)
        failed = client.hear()
        assert failed[:2] == ("WORK_EXCEPTION", handle)
        assert f"a {kind} of {len(large) + len(handle) + 1} bytes is over the limit" in failed[2]
        worker.send("WORK_FAIL", handle) if kind == "WORK_EXCEPTION" else None
        if kind in {"WORK_DATA", "WORK_WARNING"}:
            worker.send("WORK_COMPLETE", handle, "what it does not know to be of no use")
        assert worker.ask("GRAB_JOB") == ("NO_JOB",)
    assert server.admin("status") == ["f\t0\t0\t1"]
    assert f"a SUBMIT_JOB of {len(large) + 3} bytes is over the limit" in log_of(server)


def test_a_client_that_reads_slowly_gets_all_and_holds_its_worker_back(
    stack: contextlib.ExitStack, tmp_path: Path
) -> None:
    server = stack.enter_context(GearbridgeServer(tmp_path, "--store", "memory:", "--memory", str(BUDGET)))
    honest = Honest(stack, server)
    client = stack.enter_context(WireClient(server.port, receive_buffer=1 << 16))
    worker = stack.enter_context(WireClient(server.port))
    handle = client.ask("SUBMIT_JOB", "stream", "", "")[1]
    worker.send("CAN_DO", "stream")
    assert worker.ask("GRAB_JOB")[1] == handle
    chunk = packet("WORK_DATA", handle, bytes(MEGABYTE))
    worker.socket.setblocking(False)
    to_send, got = memoryview(chunk * 60 + packet("WORK_COMPLETE", handle, "")), 0
    while True:
        with contextlib.suppress(BlockingIOError):
            to_send = to_send[worker.socket.send(to_send) :] if to_send else to_send
        heard = client.hear()
        honest.round_trip()
        if heard[0] == "WORK_COMPLETE":
            break
        got += len(heard[2])
    assert got == 60 * MEGABYTE
    assert honest.largest < 120 * MEGABYTE, "what waits for the client is limited"


def test_submits_are_read_before_any_answer_is(stack: contextlib.ExitStack, server: GearbridgeServer) -> None:
    clients = [stack.enter_context(WireClient(server.port, receive_buffer=8192)) for _ in range(3)]
    some = packet("SUBMIT_JOB_BG", "bulk", "", "payload of a job") * 1000
    for _ in range(30):
        for client in clients:
            client.socket.sendall(some)
    for client in clients:
        assert {client.hear()[0] for _ in range(30_000)} == {"JOB_CREATED"}
    (line,) = server.admin("status")
    assert line.startswith("bulk\t90000\t")


def test_closed_connections_are_no_work_for_the_garbage_collector(
    stack: contextlib.ExitStack, server: GearbridgeServer
) -> None:
    reset = struct.pack("ii", 1, 0)

    def connections(count: int) -> None:
        for number in range(count):
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as one:
                one.sendall(packet("CAN_DO", "f") + packet("SUBMIT_JOB", "g", "", "x") + packet("ECHO_REQ", ""))
                one.recv(100)
                if number % 2:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)

    connections(200)
    before = resident(server)
    connections(2000)
    assert resident(server) - before < 2 * MEGABYTE
