"""HTTP from strangers: idle connections, half requests, and bodies that are none. Health checks answer meanwhile."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.dashboard import WatchedServer, ask_http
from tests.fixtures.processes import PATIENCE, wait_until
from tests.server.wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    with WatchedServer(tmp_path_factory.mktemp("crowds"), "--max-connections", "600") as started:
        yield started


def log_of(server: WatchedServer) -> str:
    assert server.process is not None
    return server.process.stderr


def http(server: WatchedServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.http_port), timeout=PATIENCE)


POST = b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: "


@pytest.mark.parametrize("said", [b"", b"GET /healthz HT", POST + b"9\r\n\r\n{"], ids=["nothing", "head", "body"])
def test_health_checks_answer_while_idle_connections_hold_on(server: WatchedServer, said: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(700):
            idle = stack.enter_context(http(server))
            with contextlib.suppress(OSError):
                idle.sendall(said)
        assert server.get("/healthz").status == 200
        with WireClient(server.port) as client:
            assert client.ask("ECHO_REQ", "Gearman too") == ("ECHO_RES", "Gearman too")
    assert "Traceback" not in log_of(server)


def test_a_head_has_a_deadline(server: WatchedServer) -> None:
    with http(server) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        slow.settimeout(0.5)

        def is_closed() -> bool:
            with contextlib.suppress(TimeoutError, BrokenPipeError):
                slow.sendall(b"X: y\r\n")
                return slow.recv(100) == b""
            return False

        def ended() -> bool:
            try:
                return is_closed()
            except ConnectionError:
                return True

        wait_until(ended, what="the end of a request that is never whole")


def test_http_counts_at_the_limit_of_connections(tmp_path: Path) -> None:
    with WatchedServer(tmp_path, "--max-connections", "20") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(WireClient(server.port)) for _ in range(15)]
        for client in clients:
            assert client.ask("ECHO_REQ", "") == ("ECHO_RES", "")
        for _ in range(30):
            stack.enter_context(http(server))
        assert server.get("/healthz").status == 200
        for client in clients:
            assert client.ask("ECHO_REQ", "still") == ("ECHO_RES", "still")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"function": "f", "due": ' + b"9" * 5000 + b"}",
        b'{"function": "f", "due": 1e999}',
        b'{"function": "f", "due": 99999999999999999999}',
        b'{"function": "f", "background": false, "timeout": NaN}',
        b'{"function": "f", "background": false, "timeout": -1}',
        b'{"function": "f", "timeout": ' + b"9" * 400 + b"}",
        b"\xff\xfe",
        b"",
        b'{"function": "' + b"f" * 1000 + b'"}',
    ],
    ids=range(11),
)
def test_malformed_jobs_are_bad_requests(server: WatchedServer, body: bytes) -> None:
    answer = ask_http(server.http_port, "POST", "/api/jobs", body, Host="localhost")
    assert answer.status == 400, answer
    assert json.loads(answer.body)["error"]
    assert "Traceback" not in log_of(server)


def test_numbers_of_a_request_are_bounded(server: WatchedServer) -> None:
    for length in (b"9" * 5000, b"99999999999999999999", b"-1", b"x"):
        with http(server) as strange:
            strange.sendall(POST + length + b"\r\n\r\n{}")
            assert strange.recv(100).startswith(b"HTTP/1.1 4")
    assert ask_http(server.http_port, "GET", f"/api/functions?limit={'9' * 5000}", Host="localhost").status == 400
    assert "Traceback" not in log_of(server)


def test_broken_uploads_and_bad_requests_fill_no_log(server: WatchedServer) -> None:
    before = log_of(server).count("\n")
    for _ in range(20):
        with http(server) as gone:
            gone.sendall(POST + b"1000000\r\n\r\n" + b"x" * 100_000)
        with http(server) as noise:
            noise.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            noise.recv(100)
    wait_until(lambda: "was broken off after" in log_of(server), what="the line in the log")
    assert log_of(server).count("\n") - before < 10
    assert "Traceback" not in log_of(server)
