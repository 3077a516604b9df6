"""Signals at any moment of a server's life, and what ends it: each on the process of the pid file."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gearbridge.ports import free_port
from gearbridge.wire import commands
from gearbridge.wire.packets import HEADER, REQUEST_MAGIC
from tests.fixtures.processes import PATIENCE, Process, wait_until
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from .wire_client import WireClient, packet

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Enough for reading them back to take some tenths of a second.
JOBS = 20_000


@pytest.fixture(scope="module")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that has many jobs."""
    folder = tmp_path_factory.mktemp("full")
    with GearbridgeServer(folder) as server, WireClient(server.port) as client:
        for first in range(0, JOBS, 1000):
            numbers = range(first, first + 1000)
            client.socket.sendall(b"".join(packet("SUBMIT_JOB_BG", "f", f"key{number}", "x") for number in numbers))
            assert {client.hear()[0] for _ in numbers} == {"JOB_CREATED"}
    return folder


@pytest.fixture
def stored(full_store: Path, tmp_path: Path) -> Path:
    """A folder of the test's own with such a store."""
    return Path(shutil.copytree(full_store, tmp_path / "stored"))


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[tuple[Process, int]]:
    """A server of these jobs, in the moment in which its pid file is there; and its port."""
    port, pid_file = free_port(), folder / "pid"
    options = ("--listen", "127.0.0.1", "--port", str(port), "--store", f"sqlite:///{folder / 'jobs.db'}")
    with Process(str(GEARBRIDGE), "server", *options, "--pid-file", str(pid_file)) as process:
        wait_until(lambda: pid_file.exists() and pid_file.read_text(encoding="ascii").strip(), what="the pid file")
        yield process, port


def test_a_hangup_while_jobs_are_read_back_changes_nothing(stored: Path) -> None:
    with starting(stored) as (process, port):
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
        process.wait_for_stderr("listening on")
        with WireClient(port) as client:
            client.socket.sendall(b"status\n")
            assert client.hear()[1] == f"f\t{JOBS}\t0\t0"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_server_that_starts_ends_cleanly(stored: Path, number: signal.Signals) -> None:
    with starting(stored) as (process, _):
        process.send_signal(number)
        assert process.wait() == 0
        assert "Traceback" not in process.stderr
    assert not (stored / "pid").exists()


def test_any_signal_again_and_again_ends_it_cleanly(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path) as server:
        process = server.process
        assert process is not None
        numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            while process.running:
                for number in numbers:
                    process.send_signal(number)
        assert process.wait() == 0
        assert "Traceback" not in process.stderr


def test_a_graceful_stop_ends_although_clients_go_on(tmp_path: Path) -> None:
    refused: list[tuple[str, ...]] = []

    def submit(client: WireClient) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            while True:  # in the background: what waits when the patience is over is never done
                if (reply := client.ask("SUBMIT_JOB_BG", "f", "", ""))[0] == "ERROR":
                    refused.append(reply)

    with GearbridgeServer(tmp_path, "--store", "memory:", "--stop-patience", "0.5") as server:
        process = server.process
        assert process is not None
        slow = WireClient(server.port)
        slow.send("CAN_DO", "slow")
        with WireClient(server.port) as waiting, WireClient(server.port) as worker, slow:
            handle = waiting.ask("SUBMIT_JOB", "slow", "", "")[1]
            assert slow.ask("GRAB_JOB")[1] == handle
            worker.send("CAN_DO", "f")
            # Connected before the signal, after which no connection is accepted.
            submitter = threading.Thread(target=submit, args=(WireClient(server.port),))
            submitter.start()
            process.send_signal(signal.SIGUSR1)
            while not refused:
                assert submitter.is_alive(), "it goes on, and is refused"
                job = worker.ask("GRAB_JOB")
                if job[0] == "JOB_ASSIGN":
                    worker.send("WORK_COMPLETE", job[1], "")
            assert refused[0] == ("ERROR", "QUEUE_ERROR", "The server is stopping")
            assert process.running, "a job runs"
            slow.send("WORK_COMPLETE", handle, "done")
            assert waiting.hear() == ("WORK_COMPLETE", handle, "done")
            assert process.wait() == 0
        submitter.join(PATIENCE)
        assert not submitter.is_alive()


def test_the_soft_limit_of_open_files_becomes_the_hard_one(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        server = GearbridgeServer(tmp_path)
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with contextlib.closing(WireClient(server.port)):
        assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    server.stop()


def test_a_server_without_memory_ends_and_says_so(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--store", "memory:", "--memory", "100G") as server:
        process = server.process
        assert process is not None
        with open(f"/proc/{server.pid}/status") as status:
            size = next(1024 * int(line.split()[1]) for line in status if line.startswith("VmSize"))
        resource.prlimit(server.pid, resource.RLIMIT_AS, (size + (64 << 20), size + (64 << 20)))
        with contextlib.ExitStack() as stack:
            beginning = HEADER.pack(REQUEST_MAGIC, commands.SUBMIT_JOB, 60_000_000) + b"f\0\0" + bytes(59_000_000)
            for _ in range(4):
                with contextlib.suppress(OSError):
                    client = stack.enter_context(WireClient(server.port))
                    client.socket.sendall(beginning)
            assert process.wait() not in {0, None}
        assert "out of memory" in process.stderr


def test_a_job_that_is_lost_again_and_again_is_logged(tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path) as server, WireClient(server.port) as client:
        handle = client.ask("SUBMIT_JOB_BG", "deadly", "", "")[1]
        for _ in range(4):
            with WireClient(server.port) as worker:
                worker.send("CAN_DO", "deadly")
                worker.send("PRE_SLEEP")
                worker.hear()
                assert worker.ask("GRAB_JOB")[1] == handle
        assert server.process is not None
        server.process.wait_for_stderr(f"job {handle} of 'deadly' was lost 3 times")
