"""What an administrator sees with Debian's `gearadmin`, from gearmand and from gearbridge alike."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import PATIENCE, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import StartProcess


@pytest.fixture
def server(job_server: JobServer, start_process: StartProcess) -> JobServer:
    """A job server with three background jobs of `wait`, for which nobody works, and a worker for `echo`."""
    for unique_key, options in (("low", ["-L"]), ("normal", []), ("high", ["-I"])):
        gearman(job_server, "-b", *options, "-u", unique_key, "-f", "wait", unique_key)
    start_process(*tool(job_server, "gearman"), "-w", "-f", "echo", "--", "cat")
    wait_until(lambda: "echo\t0\t0\t1" in job_server.admin("status"), what="the worker")
    return job_server


def test_status_counts_jobs_and_workers_by_function(server: JobServer) -> None:
    assert gearadmin(server, "--status") == ["echo\t0\t0\t1", "wait\t3\t0\t0"]


def test_priority_status_parts_the_queued_jobs_by_priority(server: JobServer) -> None:
    assert gearadmin(server, "--priority-status") == ["echo\t0\t0\t0\t1", "wait\t1\t1\t1\t0"]


def test_workers_lists_every_connection_with_its_functions(server: JobServer) -> None:
    lines = gearadmin(server, "--workers")
    connections = [line.partition(" ")[2] for line in lines]  # the first word is the server's own number for it
    assert sorted(connections) == ["127.0.0.1 - :", "127.0.0.1 - : echo"]


def test_show_jobs_names_the_queued_jobs(server: JobServer) -> None:
    lines = gearadmin(server, "--show-jobs")
    assert [line.split("\t")[1:] for line in lines] == [["0", "0", "1"]] * 3
    assert all(line.startswith("H:") for line in lines)


def test_show_unique_jobs_names_their_keys(server: JobServer) -> None:
    assert gearadmin(server, "--show-unique-jobs") == ["high", "low", "normal"]


def test_version_pid_and_log_level_tell_which_server_answers(server: JobServer) -> None:
    [version] = gearadmin(server, "--server-version")
    assert version.startswith({"gearmand": "1.1.", "gearbridge": "2.0.0+gearbridge-"}[server.kind])
    assert gearadmin(server, "--getpid") == [str(server.pid)]
    assert gearadmin(server, "--server-verbose") == [{"gearmand": "ERROR", "gearbridge": "INFO"}[server.kind]]


def test_a_function_can_be_created_and_dropped_while_nothing_uses_it(server: JobServer) -> None:
    assert gearadmin(server, "--create-function=later") == ["OK"]
    assert "later\t0\t0\t0" in gearadmin(server, "--status")
    assert gearadmin(server, "--drop-function=later") == ["OK"]
    assert "later\t0\t0\t0" not in gearadmin(server, "--status")
    assert refused(server, "--drop-function=echo") == "there are still connected workers or executing clients"
    assert refused(server, "--drop-function=later") == "function not found"


def test_a_queued_job_can_be_cancelled(server: JobServer, start_process: StartProcess, tmp_path: Path) -> None:
    first = gearadmin(server, "--show-jobs")[0].split("\t")[0]
    assert gearadmin(server, f"--cancel-job={first}") == ["OK"]
    assert refused(server, "--cancel-job=H:nowhere:1") == "UNKNOWN_JOB"
    done = tmp_path / "done"
    start_process(*tool(server, "gearman"), "-w", "-f", "wait", "--", "sh", "-c", f"cat >>{done}; echo >>{done}")
    wait_until(lambda: "wait\t0\t0\t1" in gearadmin(server, "--status"), what="the end of the jobs")
    assert done.read_text().split() == ["high", "normal"]  # low was the first to be submitted


def tool(server: JobServer, name: str) -> list[str]:
    return [name, "-h", server.host, "-p", str(server.port)]


def gearman(server: JobServer, *args: str) -> None:
    subprocess.run([*tool(server, "gearman"), *args], check=True, timeout=PATIENCE)


def ask(server: JobServer, option: str) -> tuple[int, str, str]:
    command = [*tool(server, "gearadmin"), option]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def gearadmin(server: JobServer, option: str) -> list[str]:
    """The lines that gearadmin prints, sorted (gearmand's order is that of a hash table), without the closing dot."""
    status, told, error = ask(server, option)
    assert (status, error) == (0, "")
    return sorted(line for line in told.splitlines() if line != ".")


def refused(server: JobServer, option: str) -> str:
    """Why the server refused, as gearadmin tells."""
    _, told, error = ask(server, option)
    assert told == ""
    return error.removeprefix("Error: ").rstrip()
