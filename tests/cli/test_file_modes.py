"""Files that a command makes are their owner's alone, unless --file-mode says otherwise; one that is there keeps its
mode.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.processes import StartProcess


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    umask = os.umask(0o022)
    yield
    os.umask(umask)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_log_pid_file_store_and_export(tmp_path: Path, start_process: StartProcess) -> None:
    log, pid, dump = (tmp_path / name for name in ("server.log", "server.pid", "dump.jsonl"))
    work = start_process(
        GEARBRIDGE, "server", "--port", "0", "--store", f"sqlite:///{tmp_path}/jobs.db", "-l", log, "-P", pid
    )
    wait_until(pid.exists)
    work.wait_for_stderr("listening on")
    assert {mode(path) for path in (log, pid, tmp_path / "jobs.db")} == {0o600}
    log.rename(tmp_path / "old.log")
    os.kill(work.pid, signal.SIGHUP)
    wait_until(log.exists)
    assert mode(log) == 0o600
    log.chmod(0o640)
    log.rename(tmp_path / "older.log")
    os.kill(work.pid, signal.SIGHUP)
    # It is the owner's alone for a moment, before it has the old one's permissions.
    wait_until(lambda: log.exists() and mode(log) == 0o640)
    os.kill(work.pid, signal.SIGTERM)
    assert work.wait() == 0
    start_process(GEARBRIDGE, "db", "export", "--store", f"sqlite:///{tmp_path}/jobs.db", dump).succeed()
    assert mode(dump) == 0o600
    dump.chmod(0o644)
    start_process(GEARBRIDGE, "db", "export", "--store", f"sqlite:///{tmp_path}/jobs.db", dump).succeed()
    assert mode(dump) == 0o644


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_another_mode_for_a_servers_files(tmp_path: Path, start_process: StartProcess, umask: int) -> None:
    os.umask(umask)
    log, pid, store = (tmp_path / name for name in ("server.log", "server.pid", "jobs.db"))
    server = start_process(
        *(GEARBRIDGE, "server", "--port", "0", "--store", f"sqlite:///{store}", "-l", log, "-P", pid),
        *("--file-mode", "0664"),
    )
    server.wait_for_stderr("listening on")
    beside = [tmp_path / f"jobs.db{end}" for end in ("-wal", "-shm")]
    assert {mode(path) for path in (log, pid, store, *beside)} == {0o664}
    assert {mode(path) for path in tmp_path.iterdir() if path not in (log, pid, store, *beside)} == {0o600}
    log.rename(tmp_path / "old.log")
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: log.exists() and mode(log) == 0o664)
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait() == 0


def test_another_mode_for_a_bridges_files(tmp_path: Path, start_process: StartProcess) -> None:
    log, pid, store = (tmp_path / name for name in ("bridge.log", "bridge.pid", "jobs.db"))
    bridge = start_process(
        *(GEARBRIDGE, "bridge", "--servers", "127.0.0.1:1", "--database", f"sqlite:///{store}"),
        *("-l", log, "-i", pid, "--file-mode", "640"),
    )
    bridge.wait_for_stderr("takes jobs from")
    assert {mode(path) for path in (log, pid, store)} == {0o640}
    os.kill(bridge.pid, signal.SIGTERM)
    assert bridge.wait() == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rw-r--r--", "is no mode"),
        ("0o640", "is no mode"),
        ("0689", "is no mode"),
        ("00640", "is no mode"),
        ("\N{SUPERSCRIPT TWO}40", "is no mode"),
        ("", "is no mode"),
        ("0440", "the owner could not"),
        ("0666", "lets others write"),
        ("0750", "lets others write or execute"),
        ("2640", "lets others write or execute"),
    ],
)
@pytest.mark.parametrize("command", ["server", "bridge --database sqlite:///x"])
def test_modes_that_are_refused(start_process: StartProcess, command: str, text: str, why: str) -> None:
    process = start_process(GEARBRIDGE, *command.split(), "--file-mode", text)
    assert process.wait() == 2
    assert why in process.stderr
