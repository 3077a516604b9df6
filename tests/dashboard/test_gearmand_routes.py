"""gearmand's HTTP protocol: what gearmand does well, both do alike; where it errs, gearbridge does right."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.dashboard import ask_http
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job
    from tests.fixtures.dashboard import Answer
    from tests.fixtures.job_server import JobServer


class Routes:
    """A job server with -r http."""

    def __init__(self, server: JobServer, port: int) -> None:
        self.server, self.port = server, port

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        return ask_http(self.port, method, path, body, **headers)


@pytest.fixture(params=[Gearmand, GearbridgeServer], ids=lambda kind: str(kind.kind))
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Routes]:
    port = free_port()
    with request.param(tmp_path, "-r", "http", "--http-port", str(port)) as server:
        yield Routes(server, port)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Routes]:
    port = free_port()
    with GearbridgeServer(tmp_path, "-r", "http", "--http-port", str(port)) as server:
        yield Routes(server, port)


def fail(_job: Job) -> bytes:
    raise ValueError("no such picture")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_foreground_job_answers_with_its_result(either: Routes, method: str) -> None:
    with working(either.server.address, reverse=lambda job: job.payload[::-1]):
        answer = either.ask(method, "/reverse", b"hello")
    assert (answer.status, answer.body) == (200, b"olleh")
    assert answer.headers["x-gearman-job-handle"].startswith("H:")
    assert answer.headers["x-gearman-command"] == "WORK_COMPLETE"


def test_a_background_job_answers_with_its_handle(either: Routes) -> None:
    headers = {"X_Gearman_Background": "true", "X_Gearman_Priority": "high", "X_Gearman_Unique": "u1"}
    answers = [either.ask("POST", "/resize", b"x", **headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.body for answer in answers] == [b"", b""]
    assert [answer.headers["x-gearman-command"] for answer in answers] == ["JOB_CREATED"] * 2
    first, second = (answer.headers["x-gearman-job-handle"] for answer in answers)
    assert first == second, "one unique key, one job"
    assert either.server.admin("prioritystatus") == ["resize\t1\t0\t0\t0"]


def test_a_path_without_a_function(either: Routes) -> None:
    assert either.ask("GET", "/").status == 404


def test_a_job_that_fails_is_no_success(ours: Routes) -> None:
    with working(ours.server.address, broken=fail):
        answer = ours.ask("POST", "/broken", b"")
    assert answer.status == 500
    assert answer.headers["x-gearman-command"] == "WORK_EXCEPTION"
    assert b"no such picture" in answer.body


def test_data_goes_before_the_result(ours: Routes) -> None:
    def parts(job: Job) -> bytes:
        job.send_data(b"one ")
        job.send_warning(b"careful")
        job.send_status(1, 2)
        return b"two"

    with working(ours.server.address, parts=parts):
        answer = ours.ask("GET", "/parts")
    assert (answer.status, answer.body) == (200, b"one two")


def test_names_are_decoded_and_a_query_is_not_part_of_them(ours: Routes) -> None:
    ours.ask("POST", "/gr%C3%B6%C3%9Fe/a%20b?x=1", b"", X_Gearman_Background="true")
    assert ours.server.admin("status") == ["größe/a b\t1\t0\t0"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/a%00b", {}, 400),
        ("/f", {"X_Gearman_Priority": "urgent"}, 400),
        ("/f", {"X_Gearman_Unique": "u" * 300}, 400),
        ("/f", {"Sec_Fetch_Site": "cross-site"}, 403),
        ("/f", {"Origin": "https://evil.example"}, 403),
        ("/f", {"Host": "evil.example"}, 421),
    ],
)
def test_what_is_refused_makes_no_job(ours: Routes, path: str, headers: dict[str, str], status: int) -> None:
    assert ours.ask("GET", path, None, X_Gearman_Background="true", **headers).status == status
    assert all(line.split("\t")[1] == "0" for line in ours.server.admin("status"))


def test_who_hangs_up_does_not_want_the_job_any_more(ours: Routes) -> None:
    with socket.create_connection(("127.0.0.1", ours.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /nobody HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: ours.server.admin("status") == ["nobody\t1\t0\t0"])
    wait_until(lambda: ours.server.admin("status") == ["nobody\t0\t0\t0"])


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_ends_with_its_connection(either: Routes, version: str) -> None:
    """Clients of gearmand's read to the end; gearmand 1.1.20 says HTTP/1.0 to all, 2.0 what it was told."""
    with (
        working(either.server.address, reverse=lambda job: job.payload[::-1]),
        socket.create_connection(("127.0.0.1", either.port), PATIENCE) as client,
    ):
        head = f"POST /reverse HTTP/{version}\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n"
        client.sendall(head.encode() + b"hello")
        client.settimeout(PATIENCE)
        answer = b""
        while data := client.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.0 200 OK" if version == "1.0" else b"HTTP/1.")
    assert answer.endswith(b"\r\n\r\nolleh")


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_header_whose_name_has_a_quote_is_ignored(either: Routes, pieces: int) -> None:
    """gearmand's own test programs send such headers."""
    head = (
        b'POST /quoted HTTP/1.1\r\nHost: localhost\r\n"X-Gearman-Background:" true\r\nX-Gearman-Background: true\r\n'
        b"Content-Length: 5\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", either.port), PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = len(head) // pieces
        for start in range(0, len(head), size):
            client.sendall(head[start : start + size])
            time.sleep(0.02)  # so that they come as pieces
        client.sendall(b"hello")
        client.settimeout(PATIENCE)
        answer = b""
        while b"\r\n\r\n" not in answer and (data := client.recv(65536)):
            answer += data
    assert b" 200 OK" in answer.splitlines()[0]
    wait_until(lambda: "quoted\t1\t0\t0" in either.server.admin("status"))
