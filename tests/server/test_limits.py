"""What a server holds for one connection, and how many it holds: each limit met by a real client."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GearbridgeServer

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.certificates import Certificates


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """Ends what a test has opened."""
    with contextlib.ExitStack() as opened:
        yield opened


def started(stack: contextlib.ExitStack, folder: Path, *options: str) -> GearbridgeServer:
    return stack.enter_context(GearbridgeServer(folder, *options))


def connected(stack: contextlib.ExitStack, server: GearbridgeServer) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes it; waits for that, or for bytes."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def connections(client: WireClient) -> int:
    """How many the server has, this one included."""
    client.socket.sendall(b"workers\n")
    count = 0
    while client.hear()[1] != ".":
        count += 1
    return count


def log_of(server: GearbridgeServer) -> str:
    assert server.process is not None
    return server.process.stderr


def resident(server: GearbridgeServer) -> int:
    """The server's memory in kB."""
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_connections_over_the_limit_are_refused_at_once_and_told_once(
    stack: contextlib.ExitStack, tmp_path: Path
) -> None:
    server = started(stack, tmp_path, "--max-connections", "10")
    inside = [stack.enter_context(WireClient(server.port)) for _ in range(10)]
    for client in inside:
        assert client.ask("ECHO_REQ", "") == ("ECHO_RES", "")
    for _ in range(50):
        assert is_closed(connected(stack, server))
    for client in inside:
        assert client.ask("ECHO_REQ", "still served") == ("ECHO_RES", "still served")
    assert log_of(server).count("10 connections are open: more are refused") == 1
    for client in inside[:2]:
        client.close()

    def comes_in() -> bool:
        with contextlib.suppress(EOFError, ConnectionError), WireClient(server.port) as client:
            return client.ask("ECHO_REQ", "") == ("ECHO_RES", "")
        return False

    wait_until(comes_in, what="room for another connection")
    assert "connections are accepted again" in log_of(server)


def test_those_that_shake_hands_count_too(
    stack: contextlib.ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    options = certificates.server_options("--max-connections", "3", "--ssl-handshake-timeout", "600")
    server = started(stack, tmp_path, *options)
    trusting = certificates.authority.client_context()
    served = stack.enter_context(WireClient(server.port, tls=trusting))
    silent = [connected(stack, server) for _ in range(2)]
    assert is_closed(connected(stack, server))
    assert served.ask("ECHO_REQ", "served") == ("ECHO_RES", "served")
    silent[0].close()

    def comes_in() -> bool:
        with contextlib.suppress(OSError), WireClient(server.port, tls=trusting) as client:
            return client.ask("ECHO_REQ", "") == ("ECHO_RES", "")
        return False

    wait_until(comes_in, what="the place of the one that left")


def test_connections_leave_the_store_the_files_that_it_needs(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--file-descriptors", "100")
    first = stack.enter_context(WireClient(server.port))
    refused = 0
    for _ in range(120):
        connection = connected(stack, server)
        connection.sendall(packet("ECHO_REQ", ""))
        refused += is_closed(connection)
    assert refused >= 120 - 36
    assert first.ask("SUBMIT_JOB_BG", "f", "", "x")[0] == "JOB_CREATED"


@pytest.mark.parametrize("over", ["plain text", "TLS"])
def test_a_slow_reader_is_paused_then_dropped_and_memory_stays_bounded(
    over: str, stack: contextlib.ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    options = certificates.server_options() if over == "TLS" else ()
    tls = certificates.authority.client_context() if over == "TLS" else None
    server = started(stack, tmp_path, "--max-outbox", str(4 << 20), "--packet-timeout", "1", *options)
    worker = stack.enter_context(WireClient(server.port, tls=tls))
    deaf = stack.enter_context(WireClient(server.port, receive_buffer=4096, tls=tls))
    handle = deaf.ask("SUBMIT_JOB", "f", "", "")[1]
    worker.send("CAN_DO", "f")
    worker.ask("GRAB_JOB")
    before = resident(server)
    deaf.send("ECHO_REQ", "asked while something waits")
    chunk = b"x" * (1 << 20)
    for _ in range(60):
        worker.send("WORK_DATA", handle, chunk)
        worker.ask("ECHO_REQ", "")
    assert resident(server) - before < 40_000, "in kB; 60 MiB were sent"
    wait_until(lambda: connections(worker) == 1, what="the end of the deaf connection")
    assert "(more waits for them than they read) from 127.0.0.1" in log_of(server)
    worker.send("WORK_COMPLETE", handle, "")
    assert worker.ask("ECHO_REQ", "fine") == ("ECHO_RES", "fine")


def test_who_reads_slowly_but_reads_gets_everything(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--max-packet", str(64 << 20))  # so that 128 MiB may wait
    client = stack.enter_context(WireClient(server.port, receive_buffer=4096))
    echo = packet("ECHO_REQ", b"x" * (1 << 20))
    client.socket.sendall(echo * 3)
    for _ in range(3):
        assert len(client.hear()[1]) == 1 << 20


def test_a_packet_that_does_not_go_on_is_not_held_for_ever(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--packet-timeout", "0.5")
    whole = stack.enter_context(WireClient(server.port))
    echo = packet("ECHO_REQ", "hello")
    for beginning in (echo[:3], echo[:-1], b"stat", echo + echo[:15], b"status\n\0"):
        stuck = connected(stack, server)
        stuck.sendall(beginning)
        while not is_closed(stuck):
            pass
    assert whole.ask("ECHO_REQ", "silent, but with nothing begun") == ("ECHO_RES", "silent, but with nothing begun")
    assert "(a packet did not go on) from 127.0.0.1" in log_of(server)


def test_a_packet_that_goes_on_slowly_is_waited_for(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--packet-timeout", "3")
    slow = stack.enter_context(WireClient(server.port))
    stuck = connected(stack, server)
    stuck.settimeout(0.1)
    payload = b"x" * 100_000
    echo = packet("ECHO_REQ", payload)
    stuck.sendall(echo[:20])
    sent = 0

    def drips_until_the_other_is_dropped() -> bool:
        nonlocal sent
        slow.socket.sendall(echo[sent : sent + 1])
        sent += 1
        try:
            return is_closed(stuck)
        except TimeoutError:
            return False

    wait_until(drips_until_the_other_is_dropped, what="the end of the one that stands still")
    slow.socket.sendall(echo[sent:])
    assert len(slow.hear()[1]) == len(payload)


def test_who_is_not_read_from_is_not_blamed_for_its_silence(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--max-outbox", str(1 << 20), "--idle-timeout", "3")
    paused = stack.enter_context(WireClient(server.port, receive_buffer=4096))
    echo = packet("ECHO_REQ", b"x" * 100_000)
    paused.socket.setblocking(False)
    total, sent = echo * 300, 0
    with contextlib.suppress(BlockingIOError):
        while True:  # until the server reads no more
            sent += paused.socket.send(total[sent : sent + 50_000])
            assert sent < len(total)
    for _ in range(2):
        idle = connected(stack, server)
        assert is_closed(idle)
    paused.socket.setblocking(True)
    paused.socket.settimeout(PATIENCE)
    for _ in range(sent // len(echo)):
        assert len(paused.hear()[1]) == 100_000
    paused.socket.sendall(total[sent : (sent // len(echo) + 1) * len(echo)])
    assert len(paused.hear()[1]) == 100_000


def test_idle_connections_are_closed_and_those_that_wait_are_not(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--idle-timeout", "1")
    waiting = stack.enter_context(WireClient(server.port))
    busy = stack.enter_context(WireClient(server.port))
    asleep = stack.enter_context(WireClient(server.port))
    handle = waiting.ask("SUBMIT_JOB", "f", "", "")[1]
    busy.send("CAN_DO", "f")
    assert busy.ask("GRAB_JOB")[1] == handle
    asleep.send("CAN_DO", "g")
    assert asleep.ask("GRAB_JOB") == ("NO_JOB",)
    asleep.send("PRE_SLEEP")
    for said in (b"", packet("ECHO_REQ", ""), b""):  # one after the other: the three above are silent for long
        idle = connected(stack, server)
        idle.sendall(said)
        while not is_closed(idle):
            pass
    assert "(idle) from 127.0.0.1" in log_of(server)
    busy.send("WORK_COMPLETE", handle, "done")
    assert waiting.hear() == ("WORK_COMPLETE", handle, "done")
    assert waiting.ask("SUBMIT_JOB_BG", "g", "", "")[0] == "JOB_CREATED"
    assert asleep.hear() == ("NOOP",)


def test_without_the_option_nobody_is_idle(stack: contextlib.ExitStack, tmp_path: Path) -> None:
    server = started(stack, tmp_path, "--packet-timeout", "0.3")
    idle = stack.enter_context(WireClient(server.port))
    for _ in range(3):
        stuck = connected(stack, server)
        stuck.sendall(b"\0")
        assert is_closed(stuck)
    assert idle.ask("ECHO_REQ", "still here") == ("ECHO_RES", "still here")
