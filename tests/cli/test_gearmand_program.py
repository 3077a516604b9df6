"""gearmand as a running program, and our server under its name: background, pid file, log, signals, user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from gearbridge.ports import free_port
from tests.fixtures.job_server import ask
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.server.wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.processes import Process, StartProcess


class Place(NamedTuple):
    """A program that takes gearmand's options, and a folder and a port for it."""

    program: Path
    folder: Path
    port: int

    def command(self, *options: str) -> list[str]:
        given = ["-L", "127.0.0.1", "-p", str(self.port), "-P", str(self.pid_file), *options]
        return [str(self.program), *given, *([] if "-l" in options else ["-l", str(self.log_file)])]

    @property
    def pid_file(self) -> Path:
        return self.folder / "gearmand.pid"

    @property
    def log_file(self) -> Path:
        return self.folder / "gearmand.log"

    @property
    def ours(self) -> bool:
        """Whether it is our server under gearmand's name."""
        return self.program.samefile(GEARBRIDGE)

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def answers(self) -> bool:
        try:
            return ask(self.port, "getpid") == [f"OK {self.pid()}"]
        except (OSError, ValueError):
            return False

    def start(self, start_process: StartProcess, *options: str) -> Process:
        """Start it in the foreground and wait until it answers."""
        process = start_process(*self.command(*options))
        process.wait_for(self.answers)
        assert self.pid() == process.pid
        return process


@pytest.fixture(params=["gearmand", "gearbridge"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Once for gearmand itself, once for our server under its name."""
    if request.param == "gearbridge":
        return our_place(tmp_path)
    program = shutil.which("gearmand", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert program, "gearmand is not installed: apt-get install gearman-job-server"
    return Place(Path(program), tmp_path, free_port())


@pytest.fixture
def ours(tmp_path: Path) -> Place:
    return our_place(tmp_path)


def our_place(folder: Path) -> Place:
    link = folder / "gearmand"
    link.symlink_to(GEARBRIDGE)
    return Place(link, folder, free_port())


@pytest.fixture
def daemon(place: Place) -> Iterator[int]:
    """The process id of a server that went into the background; it ends with the test."""
    done = subprocess.run(place.command("-d"), capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    pid = place.pid()
    yield pid
    if runs(pid):
        os.kill(pid, signal.SIGKILL)


def runs(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except FileNotFoundError:
        return False


def test_in_the_background_it_answers_when_the_command_has_ended(place: Place, daemon: int) -> None:
    if place.ours:
        assert ask(place.port, "getpid") == [f"OK {daemon}"]
    else:  # its command may end a moment before the server listens
        wait_until(place.answers, what="gearmand to answer")
    assert os.getsid(daemon) == daemon, "a session of its own: no terminal ends it"
    assert Path(f"/proc/{daemon}/cwd").resolve() == Path.cwd()
    wait_until(  # gearmand's command may end a moment before
        lambda: {os.readlink(f"/proc/{daemon}/fd/{number}") for number in (0, 1, 2)} == {os.devnull},
        what="the terminal to be let go",
    )
    os.kill(daemon, signal.SIGTERM)
    wait_until(lambda: not runs(daemon), what="the server to end")
    assert not place.pid_file.exists()


@pytest.mark.parametrize("place", ["gearbridge"], indirect=True)
def test_what_keeps_it_from_starting_is_seen_before_it_goes_into_the_background(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.port)):  # gearmand waits some 15 s for the port to be free
        done = subprocess.run(place.command("-d"), capture_output=True, timeout=PATIENCE, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr == f"gearmand: cannot listen on 127.0.0.1 port {place.port}: Address already in use\n"
    assert not place.pid_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_with_status_0_and_takes_its_pid_file_along(
    number: signal.Signals, place: Place, start_process: StartProcess
) -> None:
    place.pid_file.write_text("an old one")
    process = place.start(start_process)
    with WireClient(place.port) as worker:
        worker.ask("SUBMIT_JOB_BG", "f", "", "")
        process.send_signal(number)
        assert process.wait() == 0
    assert not place.pid_file.exists()
    assert process.stderr == ""


def test_sigusr1_waits_for_the_job_in_hand(place: Place, start_process: StartProcess) -> None:
    process = place.start(start_process)
    with WireClient(place.port) as client, WireClient(place.port) as worker:
        handle = client.ask("SUBMIT_JOB", "f", "", "")[1]
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB")[1] == handle
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: not listens(place.port), what="the server to stop listening")
        assert process.running
        worker.send("WORK_COMPLETE", handle, "done")
        assert client.hear() == ("WORK_COMPLETE", handle, "done")
        if place.program.resolve() == GEARBRIDGE.resolve():
            assert process.wait() == 0  # gearmand: on a busy machine it may go on without jobs, for ever


def test_sighup_begins_the_log_file_anew(place: Place, start_process: StartProcess) -> None:
    process = place.start(start_process, "--verbose", "NOTICE")
    moved = place.folder / "gearmand.log.1"
    place.log_file.rename(moved)
    process.send_signal(signal.SIGHUP)
    wait_until(place.log_file.exists, what="the log file to be there again")
    assert "SIGHUP, reopening log file" in moved.read_text()
    assert place.answers()


def test_sighup_without_a_log_file_changes_nothing(ours: Place, start_process: StartProcess) -> None:
    process = ours.start(start_process, "-l", "stderr")
    process.send_signal(signal.SIGHUP)
    assert ask(ours.port, "version")  # the signal is handled before what comes later
    assert process.running


def test_an_unwritable_log_is_told_and_standard_error_used(place: Place, start_process: StartProcess) -> None:
    process = place.start(start_process, "-l", "/no/such/log", "--verbose", "INFO")
    said = (
        f'Could not open log file "/no/such/log", from "{Path.cwd()}", switching to stderr. (No such file or directory)'
    )
    assert process.stderr.partition("\n")[0].endswith(f"gearmand: {said}")
    process.wait_for_stderr(str(place.port))


def test_the_log_file_holds_what_verbose_asks_for(place: Place, start_process: StartProcess) -> None:
    place.start(start_process, "--verbose", "INFO")
    assert ask(place.port, "verbose") == ["OK INFO"]
    wait_until(lambda: str(place.port) in place.log_file.read_text(), what="the start to be logged")


def test_log_none_and_syslog_are_accepted(place: Place, start_process: StartProcess) -> None:
    process = place.start(start_process, "-l", "none", "--syslog", "--verbose", "INFO")
    assert not (place.folder / "none").exists()
    assert process.terminate() == 0
    assert process.stderr == ""


def test_the_environment_names_the_port(place: Place, start_process: StartProcess) -> None:
    words = [word for word in place.command() if word not in {"-p", str(place.port)}]
    process = start_process(*words, env={"GEARMAND_PORT": str(place.port)})
    process.wait_for(place.answers)


def test_a_configuration_file_says_the_rest_and_the_command_line_wins(
    place: Place, start_process: StartProcess
) -> None:
    file = place.folder / "gearmand.conf"
    file.write_text("--port=1\n--job-handle-prefix=Conf\n--exceptions\n")
    place.start(start_process, "--config-file", str(file))
    with WireClient(place.port) as client:
        assert client.ask("SUBMIT_JOB_BG", "f", "", "")[1].startswith("Conf:")


@pytest.fixture
def nobody() -> Iterator[tuple[pwd.struct_passwd, Path]]:
    """A user without rights, and a folder of theirs: pytest's own are closed to others."""
    user = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp(prefix="gearbridge-user-"))
    if os.geteuid() == 0:
        os.chown(folder, user.pw_uid, user.pw_gid)
    yield user, folder
    shutil.rmtree(folder)


def test_another_user(place: Place, start_process: StartProcess, nobody: tuple[pwd.struct_passwd, Path]) -> None:
    if os.geteuid() != 0:
        refused = start_process(*place.command("-u", "nobody"))
        assert refused.wait() == 1
        assert refused.stderr.endswith("gearmand: Must be root to switch users.\n")
        return
    user, folder = nobody
    place = place._replace(folder=folder)
    process = place.start(start_process, "-u", user.pw_name)
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    seen = {line.split()[0]: line.split()[1:] for line in status if line.startswith(("Uid:", "Gid:", "Groups:"))}
    assert set(seen["Uid:"]) == {str(user.pw_uid)}
    assert set(seen["Gid:"]) == {str(user.pw_gid)}
    assert seen["Groups:"] == []
    assert place.pid_file.stat().st_uid == user.pw_uid


def test_how_many_files_may_be_open(place: Place, start_process: StartProcess) -> None:
    process = place.start(start_process, "-f", "321")
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3] == "321"


def test_keepalive_reaches_the_connections(ours: Place, start_process: StartProcess) -> None:
    ours.start(start_process, "--keepalive", "--keepalive-idle", "77", "--keepalive-count=3")
    with WireClient(ours.port) as client:
        client.ask("ECHO_REQ", "")
        shown = subprocess.run(
            ["ss", "-tno", "state", "established", f"sport = :{ours.port}"], capture_output=True, text=True, check=True
        ).stdout
    assert "timer:(keepalive,1min" in shown  # 77 seconds, not the system's two hours


def test_options_without_meaning_are_logged(ours: Place, start_process: StartProcess) -> None:
    ours.start(start_process, "-t", "8", "-R", "--hashtable-buckets=1000")
    for option in ("threads", "round-robin", "hashtable-buckets"):
        assert f"--{option} has no meaning here" in ours.log_file.read_text()


def test_a_queue_of_gearmands_is_kept_over_a_restart(place: Place, start_process: StartProcess) -> None:
    options = ["-q", "libsqlite3", "--libsqlite3-db", str(place.folder / "queue.db")]
    process = place.start(start_process, *options)
    with WireClient(place.port) as client:
        client.ask("SUBMIT_JOB_HIGH_BG", "f", "key", "payload")
    assert process.terminate() == 0
    place.start(start_process, *options)
    with WireClient(place.port) as worker:
        worker.send("CAN_DO", "f")
        assert worker.ask("GRAB_JOB_UNIQ")[2:] == ("f", "key", "payload")


def test_gearbridge_server_takes_the_same_options(start_process: StartProcess, tmp_path: Path) -> None:
    place = Place(GEARBRIDGE, tmp_path, free_port())
    file = tmp_path / "more.conf"
    file.write_text("--job-handle-prefix=Conf --verbose=NOTICE --worker-wakeup=2 --port=1")
    options = ["-q", "libsqlite3", f"--libsqlite3-db={tmp_path / 'q.db'}", "--config-file", str(file), "-t", "4"]
    program, *words = place.command(*options)
    process = start_process(program, "server", *words)
    process.wait_for(place.answers)
    assert ask(place.port, "verbose") == ["OK NOTICE"]
    with WireClient(place.port) as client:
        assert client.ask("SUBMIT_JOB_BG", "f", "", "")[1].startswith("Conf:")
    assert "--threads has no meaning here" in place.log_file.read_text()
    assert (tmp_path / "q.db").exists()
    assert process.terminate() == 0
    assert not place.pid_file.exists()


def test_gearbridge_server_wants_one_place_for_jobs(start_process: StartProcess) -> None:
    process = start_process(GEARBRIDGE, "server", "--store", "memory:", "-q", "builtin")
    assert process.wait() == 1
    assert process.stderr == "gearbridge: give --store or --queue-type, not both\n"


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        pass  # it stopped while we connected: the next look is refused
    return True
