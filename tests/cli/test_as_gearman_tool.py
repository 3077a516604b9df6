"""`gearbridge submit` and `work` beside Debian's `gearman`: the same payloads, the same output, the same status.

The tool is the oracle; where it is not followed, the last tests say so.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge import Job, Worker
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import Process, StartProcess

    from .conftest import Gearbridge

LINES = b"one\ntwo\n\xff\xfe\n"


def tool(server: JobServer, *args: str) -> list[str]:
    return ["gearman", "-h", server.host, "-p", str(server.port), *args]


def same(job: Job) -> bytes:
    return job.payload


def chatty(job: Job) -> bytes:
    job.send_data(b"ahead ")
    return job.payload


@pytest.fixture
def workers(shared_job_server: JobServer) -> Iterator[Worker]:
    functions = {
        "same": same,
        "reverse": lambda job: job.payload[::-1],
        "upper": lambda job: job.payload.upper(),
        "chatty": chatty,
    }
    with working(shared_job_server.address, **functions) as worker:
        yield worker


@pytest.mark.parametrize(
    ("theirs", "ours", "stdin"),
    [
        ("-f same word", "same word", b""),
        ("-f same a b c", "same a b c", b""),
        ("-f same", "same -", LINES),
        ("-n -f reverse", "-n reverse", LINES),
        ("-n -f same", "-n same", b"no end"),
        ("-N -f reverse", "-N reverse", LINES),
        ("-N -f reverse", "-N reverse", b""),
        ("-s -f same", "same", b"not read"),
        ("-P -f same word", "-P same word", b""),
        ("-P -n -f same", "-P -n same", LINES),
        ("-P -f chatty word", "-P chatty word", b""),
        ("-I -u key -f same word", "-I -u key same word", b""),
        ("-L -f same word", "-L same word", b""),
    ],
)
def test_the_same_input_gives_the_same_output(
    shared_job_server: JobServer,
    workers: Worker,
    gearbridge: Gearbridge,
    start_process: StartProcess,
    theirs: str,
    ours: str,
    stdin: bytes,
) -> None:
    expected = start_process(*tool(shared_job_server, *theirs.split()), stdin=stdin).succeed()
    assert gearbridge("submit", *ours.split(), stdin=stdin).succeed() == expected


def test_several_functions_get_the_same_payloads(
    shared_job_server: JobServer, workers: Worker, gearbridge: Gearbridge, start_process: StartProcess
) -> None:
    words = ["-P", "-n", "-f", "same", "-f", "upper"]
    theirs = start_process(*tool(shared_job_server, *words), stdin=b"one\ntwo\n").succeed()
    ours = gearbridge("submit", *words, stdin=b"one\ntwo\n").succeed()
    assert ours == b"same: one\nupper: ONE\nsame: two\nupper: TWO\n"
    assert sorted(ours.split()) == sorted(theirs.split())  # the tool prints a line's results in any order


@pytest.mark.parametrize("lines", [[], ["-n"], ["-N"]])
def test_background_jobs_of_each_line(
    shared_job_server: JobServer, gearbridge: Gearbridge, start_process: StartProcess, lines: list[str]
) -> None:
    words = ["-b", "-I", *lines, *([] if lines else ["one", "two"])]
    start_process(*tool(shared_job_server, "-f", "later", *words), stdin=b"x\ny\n").succeed()
    handles = gearbridge("submit", "-f", "later", *words, stdin=b"x\ny\n").succeed().decode().split()
    assert len(set(handles)) == 2
    done: list[bytes] = []
    with working(shared_job_server.address, later=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 4, what="the jobs")
    assert done[:2] == done[2:]


def test_one_failed_job_fails_all_but_the_others_are_done(
    shared_job_server: JobServer, gearbridge: Gearbridge, start_process: StartProcess
) -> None:
    def odd(job: Job) -> bytes:
        if job.payload == b"bad":
            raise ValueError("not this one")
        return job.payload

    with working(shared_job_server.address, odd=odd):
        ours = gearbridge("submit", "odd", "a", "bad", "c")
        assert ours.wait() == 1
    assert ours.stdout == b"ac"
    assert ours.stderr == "gearbridge: ValueError: not this one\n"


@pytest.mark.parametrize(
    "words",
    [["cat"], ["sh", "-c", "cat; exit 3"], ["true"], ["sh", "-c", "echo one; echo two"]],
    ids=["copies", "fails", "silent", "ignores"],
)
def test_a_command_does_for_both_what_it_does_for_one(
    shared_job_server: JobServer, gearbridge: Gearbridge, start_process: StartProcess, words: list[str]
) -> None:
    start_process(*tool(shared_job_server, "-w", "-f", "theirs", "--", *words))
    gearbridge("work", "-f", "ours", "--", *words)
    seen: list[tuple[int, bytes]] = []
    for function in ("theirs", "ours"):
        client = start_process(*tool(shared_job_server, "-f", function, "some words"))
        seen.append((client.wait(), client.stdout))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("option", "pieces"), [("-n", [b"one\n", b"two\n"]), ("-N", [b"one", b"two"])])
def test_lines_go_ahead_as_they_come(
    shared_job_server: JobServer, gearbridge: Gearbridge, option: str, pieces: list[bytes], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"echo one; until [ -e {gate} ]; do sleep 0.01; done; echo two"
    gearbridge("work", "stepwise", option, "-c", "1", "--", "sh", "-c", script)
    seen: list[bytes] = []

    def note(piece: bytes) -> None:
        seen.append(piece)
        gate.touch()  # only now the second line is written

    with Client(shared_job_server.address) as client:
        # gearman: sends all of the output once more as the result; here: each line once, and an empty result.
        assert client.do("stepwise", timeout=PATIENCE, on_data=note) == b""
    assert seen == pieces


def test_the_pid_file_is_there_while_the_command_runs(
    shared_job_server: JobServer, gearbridge: Gearbridge, tmp_path: Path
) -> None:
    pid_file, submitted = tmp_path / "worker.pid", tmp_path / "submit.pid"
    worker = gearbridge("work", "counted", "-i", str(pid_file), "--", "cat", str(submitted))
    with Client(shared_job_server.address) as client:
        wait_until(lambda: worker_is_there(client, "counted"))
    assert pid_file.read_text() == f"{worker.pid}\n"
    client_process = gearbridge("submit", "-i", str(submitted), "counted")
    assert client_process.succeed() == f"{client_process.pid}\n".encode()
    assert not submitted.exists()
    assert worker.terminate() == 0
    assert not pid_file.exists()


def test_a_pid_file_that_cannot_be_written(gearbridge: Gearbridge, tmp_path: Path) -> None:
    process = gearbridge("submit", "-i", str(tmp_path / "no" / "folder"), "f")
    assert process.wait() == 1
    assert "cannot be written: No such file or directory" in process.stderr


def test_a_worker_in_the_background(shared_job_server: JobServer, start_process: StartProcess, tmp_path: Path) -> None:
    pid_file = tmp_path / "worker.pid"
    words = [
        "work",
        "-d",
        "-i",
        str(pid_file),
        "--servers",
        shared_job_server.address,
        "distant",
        "--",
        "tr",
        "a-z",
        "A-Z",
    ]
    parent: Process = start_process(GEARBRIDGE, *words)
    parent.succeed()  # at once, while the worker goes on
    wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), what="the pid file")
    try:
        with Client(shared_job_server.address) as client:
            assert client.do("distant", "words", timeout=PATIENCE) == b"WORDS"
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
    wait_until(lambda: not pid_file.exists(), what="the worker's end")


def test_a_submission_in_the_background(shared_job_server: JobServer, gearbridge: Gearbridge, tmp_path: Path) -> None:
    pid_file = tmp_path / "submit.pid"
    parent = gearbridge("submit", "-d", "-i", str(pid_file), "-N", "awaited", stdin=b"one\ntwo\n")
    assert parent.succeed() == b""  # at once, while nobody does the jobs yet
    wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), what="the pid file")
    os.kill(int(pid_file.read_text()), 0)  # it waits for them, as it would without -d
    done: list[bytes] = []
    with working(shared_job_server.address, awaited=lambda job: done.append(job.payload)):
        wait_until(lambda: not pid_file.exists(), what="the submission's end")
    assert done == [b"one", b"two"]


def test_both_tell_of_each_job_when_asked_to(shared_job_server: JobServer, gearbridge: Gearbridge) -> None:
    worker = gearbridge("work", "-v", "-c", "1", "told", "--", "cat")
    client_process = gearbridge("submit", "-v", "told", "hello")
    assert client_process.succeed() == b"hello"
    handle = client_process.stderr.removeprefix("gearbridge: job ").rstrip()
    assert worker.wait() == 0
    assert f"gearbridge: job {handle} of told, 5 bytes" in worker.stderr


def test_lines_and_payloads_exclude_each_other(gearbridge: Gearbridge) -> None:
    process = gearbridge("submit", "-N", "f", "payload")
    assert process.wait() == 2
    assert "give payloads either as arguments or as lines of standard input" in process.stderr


def test_the_last_line_needs_no_end(shared_job_server: JobServer, workers: Worker, gearbridge: Gearbridge) -> None:
    # gearman -N: takes the last byte of the input for the line's end, whatever it is.
    assert gearbridge("submit", "-N", "same", stdin=b"one\ntwo").succeed() == b"onetwo"


def worker_is_there(client: Client, function: str) -> bool:
    return any(line.startswith(f"{function}\t0\t0\t1") for line in client.admin("status"))
