"""The fixtures that start programs: what the other tests rely on."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import Process, ProcessError, StartProcess, wait_until

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer


def test_a_wait_ends_as_soon_as_the_condition_holds() -> None:
    rounds = iter(range(10))
    assert wait_until(lambda: next(rounds) >= 3)
    assert next(rounds) == 4


def test_a_wait_for_something_that_never_comes_says_what_it_saw() -> None:
    with pytest.raises(AssertionError, match=r"the moon did not come about within 0.05 s; last seen: 0"):
        wait_until(lambda: 0, timeout=0.05, what="the moon")


def test_a_program_that_ends_too_early_shows_what_it_wrote(start_process: StartProcess) -> None:
    process = start_process(sys.executable, "-c", "import sys; sys.exit('no ink')")
    with pytest.raises(ProcessError, match=r"(?s)ended with status 1.*no ink"):
        process.wait_for_stderr("printed")


def test_a_program_reads_what_it_was_given_and_its_output_is_kept_apart(start_process: StartProcess) -> None:
    code = "import sys; print(sys.stdin.read()[::-1]); print('done', file=sys.stderr)"
    process = start_process(sys.executable, "-c", code, stdin=b"olleh")
    assert process.succeed() == b"hello\n"
    assert process.stderr == "done\n"


def test_leaving_a_program_ends_what_it_left_in_its_group() -> None:
    child = "import time; time.sleep(600)"
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {child!r}]).pid, flush=True)"
    with Process(sys.executable, "-c", code) as process:
        process.wait()
        left = int(process.stdout)
        assert alive(left)
    wait_until(lambda: not alive(left), what="the end of the child")


def test_a_program_that_ignores_sigterm_is_killed_and_told_of() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    process = Process(sys.executable, "-c", code)
    process.wait_for_stdout("deaf")
    with pytest.raises(ProcessError, match=r"did not end within 0\.1 s of SIGTERM"):
        process.terminate(patience=0.1)
    assert process.wait() == -signal.SIGKILL
    process.close()


def test_a_job_server_keeps_its_address_over_a_restart(job_server: JobServer) -> None:
    address, pid = job_server.address, job_server.pid
    job_server.restart()
    assert job_server.address == address
    assert job_server.pid != pid
    assert job_server.admin("version")[0].startswith("OK ")


def test_a_killed_job_server_is_gone_and_starts_again(job_server: JobServer) -> None:
    job_server.kill()
    with pytest.raises(ConnectionError):
        job_server.admin("version")
    job_server.start()
    assert job_server.admin("status") == []


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
