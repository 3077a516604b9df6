"""`gearbridge submit`, as a user types it."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, Job, JobFailed
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer

    from .conftest import Gearbridge


def reverse(job: Job) -> bytes:
    return job.payload[::-1]


def test_a_result_goes_out_as_it_is(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    payload = bytes(range(256)) * 1000
    with working(shared_job_server.address, reverse=reverse):
        assert gearbridge("submit", "reverse", "hello").succeed() == b"olleh"
        assert gearbridge("submit", "reverse", "-", stdin=payload).succeed() == payload[::-1]
        assert gearbridge("submit", "reverse", b"\xff\xc3").succeed() == b"\xc3\xff"
        assert gearbridge("submit", "reverse").succeed() == b""


def test_what_comes_ahead(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    def chatty(job: Job) -> str:
        job.send_data("one ")
        job.send_status(1, 2)
        job.send_warning("take care")
        return "two"

    with working(shared_job_server.address, chatty=chatty):
        process = gearbridge("submit", "chatty")
        assert process.succeed() == b"one two"
        assert process.stderr == "gearbridge: warning: take care\n"  # no progress: it is no terminal


def test_a_background_job(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    arguments = ("submit", "--background", "--unique", "key", "--priority", "high", "bg")
    handle = gearbridge(*arguments, "first").succeed().decode()
    assert gearbridge(*arguments, "second").succeed().decode() == handle
    later = gearbridge("submit", "--at", "+86400", "bg", "tomorrow").succeed()
    done: list[bytes] = []
    with Client(shared_job_server.address) as client:
        assert client.status(handle.strip()).known
        client.do_background("bg", "normal")
        with working(shared_job_server.address, bg=lambda job: done.append(job.payload)):
            wait_until(lambda: len(done) == 2)
        assert done == [b"first", b"normal"]
        assert client.status(later.decode().strip()).known


@pytest.mark.parametrize("when", ["1700000000", "1700000000.5", "2024-01-02T03:04", "2024-01-02T03:04:05+01:00"])
def test_times_that_have_come(gearbridge: Gearbridge, shared_job_server: JobServer, when: str) -> None:
    gearbridge("submit", "--at", when, "timed", when).succeed()
    done: list[bytes] = []
    with working(shared_job_server.address, timed=lambda job: done.append(job.payload)):
        wait_until(lambda: done == [when.encode()])


def test_a_failed_job(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    def fail(job: Job) -> None:
        raise JobFailed(job.handle, "no luck") if job.payload == b"fail" else ValueError("bad value")

    with working(shared_job_server.address, fail=fail):
        failed, raised = gearbridge("submit", "fail", "fail"), gearbridge("submit", "fail", "raise")
        assert (failed.wait(), raised.wait()) == (1, 1)
    reason, end = failed.stderr.splitlines()
    assert reason == "gearbridge: warning: no luck"
    assert end.startswith("gearbridge: job ")
    assert end.endswith(" failed")
    assert raised.stderr == "gearbridge: ValueError: bad value\n"


def test_no_server(gearbridge: Gearbridge) -> None:
    dead = f"127.0.0.1:{free_port()}"
    process = gearbridge("submit", "f", servers=dead)
    assert process.wait() == 3
    assert process.stderr == f"gearbridge: no job server can be reached: {dead} (Connection refused)\n"


def test_a_dead_server_beside_a_live_one(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    servers = f"127.0.0.1:{free_port()},{shared_job_server.address}"
    assert gearbridge("submit", "-b", "beside", servers=servers).succeed()


def test_timeout(gearbridge: Gearbridge) -> None:
    start = time.monotonic()
    process = gearbridge("submit", "--timeout", "0.2", "nobody_does_this")
    assert process.wait() == 3
    assert "was not done within 0.2 s" in process.stderr
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument 'FUNCTION'"),
        (("",), "Invalid value for 'FUNCTION': it cannot be empty"),
        (("f", "--at", "tomorrow"), "'tomorrow' is not a time; write +SECONDS"),
        (("f", "--at", "+1", "--priority", "low"), "a job with --at has normal priority"),
        (("f", "--priority", "urgent"), "is not one of 'high', 'normal', 'low'"),
        (("f", "--timeout", "0"), "Invalid value for '--timeout'"),
        (("f", "--servers", "host:port"), "the port must be a number from 1 to 65535"),
    ],
)
def test_wrong_usage(gearbridge: Gearbridge, arguments: tuple[str, ...], said: str) -> None:
    process = gearbridge("submit", *arguments)
    assert process.wait() == 2
    assert said in " ".join(process.stderr.split())


def test_progress_on_a_terminal(shared_job_server: JobServer) -> None:
    shown = bytearray()

    def step(job: Job) -> str:
        job.send_status(1, 4)
        while b"25 % (1/4)" not in shown:
            assert select.select([terminal], [], [], PATIENCE)[0], "no progress is shown"
            shown.extend(os.read(terminal, 4096))
        return "result"

    terminal, stderr = pty.openpty()
    try:
        with working(shared_job_server.address, step=step):
            done = subprocess.run(
                [GEARBRIDGE, "submit", "--servers", shared_job_server.address, "step"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                timeout=PATIENCE,
                check=True,
            )
        assert done.stdout == b"result"
        os.close(stderr)
        with contextlib.suppress(OSError):  # the terminal's end
            while octets := os.read(terminal, 4096):
                shown.extend(octets)
        assert shown.endswith(b"\r\x1b[K")  # wiped
    finally:
        os.close(terminal)
