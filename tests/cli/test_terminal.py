"""What strangers send and a command prints: escaped on a terminal, as it is in a pipe."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from gearbridge.errors import JobException
from tests.fixtures.processes import PATIENCE
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge import Job
    from tests.fixtures.job_server import JobServer

NASTY = b"\x1b]0;owned\x07\x1b[2J\xc2\x9b31m\xe2\x80\xae!"
#: None of these may reach a terminal.
COMMANDS = (b"\x1b]0", b"\x1b[2J", b"\x07", b"\xc2\x9b", b"\xe2\x80\xae")


def on_terminal(*words: str, stdin: bytes = b"") -> bytes:
    """What a command writes to a terminal, standard error too."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen([GEARBRIDGE, *words], stdin=subprocess.PIPE, stdout=theirs, stderr=theirs)
        os.close(theirs)
        written = b""
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(stdin)
        with contextlib.suppress(OSError):  # the command has ended
            while data := os.read(ours, 65536):
                written += data
        process.wait(PATIENCE)
    finally:
        os.close(ours)
    return written


@pytest.fixture
def stranger(shared_job_server: JobServer) -> JobServer:
    """A server that knows a function, a client id and a unique key full of commands."""
    name = b"f" + NASTY
    with Client(shared_job_server.address) as client:
        client.do_background(name, b"", b"k" + NASTY)
    return shared_job_server


@pytest.mark.parametrize(
    "words",
    ["admin status", "admin priorities", "admin workers", "admin unique-jobs", "admin jobs", "doctor", "top --once"],
)
def test_names_in_lists(stranger: JobServer, words: str) -> None:
    with Client(stranger.address):
        written = on_terminal(*words.split(), "--servers", stranger.address)
    assert written
    assert not [one for one in COMMANDS if one in written], written


def test_what_a_server_says_raw_is_for_pipes(stranger: JobServer) -> None:
    words = ("admin", "status", "--raw", "--servers", stranger.address)
    written = on_terminal(*words)
    assert not [one for one in COMMANDS if one in written], written
    if stranger.kind == "gearmand":
        assert NASTY in subprocess.run([GEARBRIDGE, *words], stdout=subprocess.PIPE, check=True).stdout


def test_results_warnings_and_exceptions(shared_job_server: JobServer) -> None:
    def nasty(job: Job) -> bytes:
        job.send_data("größe\n".encode()[:3])
        job.send_data("größe\n".encode()[3:])
        job.send_warning(b"warned" + NASTY)
        if job.payload == b"fail":
            raise JobException(job.handle, b"boom" + NASTY)
        return b"done" + NASTY

    with working(shared_job_server.address, nasty=nasty):
        address = ("--servers", shared_job_server.address)
        done = on_terminal("submit", *address, "nasty", "x")
        failed = on_terminal("submit", *address, "nasty", "fail")
        piped = subprocess.run([GEARBRIDGE, "submit", *address, "nasty", "x"], capture_output=True, check=True)
    for written in (done, failed):
        assert "größe\r\n".encode() in written
        assert b"warned\\x1b]0;owned\\x07" in written
        assert not [one for one in COMMANDS if one in written], written
    assert b"done\\x1b" in done
    assert piped.stdout == "größe\n".encode() + b"done" + NASTY


def test_payloads_that_a_worker_prints(shared_job_server: JobServer) -> None:
    with Client(shared_job_server.address) as client:
        client.do_background("printed", b"payload" + NASTY)
    written = on_terminal("work", "-c", "1", "--servers", shared_job_server.address, "printed")
    assert b"payload\\x1b]0;owned" in written
    assert not [one for one in COMMANDS if one in written], written


def test_an_error_of_the_server(shared_job_server: JobServer) -> None:
    written = on_terminal("admin", "send", "--servers", shared_job_server.address, "x\x1b[2J\x9by")
    assert b"refused" in written
    assert not [one for one in COMMANDS if one in written], written
