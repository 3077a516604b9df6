"""gearmand's command line, given to gearmand and to our server under the name of gearmand: the same comes of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.processes import Process, StartProcess

GEARMAND = shutil.which("gearmand", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or "gearmand"


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Our server under the name of gearmand."""
    link = tmp_path / "gearmand"
    link.symlink_to(GEARBRIDGE)
    return link


#: Lines that end without a server, as both see them.
LINES = [
    "--check-args",
    "--check-args -dR",
    "--check-args -p4731 -b 5 -f 100 -t 0 -w 1 -j 3 -L 127.0.0.1",
    "--check-args -dj3 --round-robin --exceptions --keepalive --keepalive-idle -1 --keepalive-interval=2",
    "--check-args --port=4731 --keepalive-count 3 --hashtable-buckets=1 --syslog --coredump --http-port=8080",
    "--check-args --verbose=INFO --job-handle-prefix X --user nobody --pid-file=/tmp/x --log-file none -P",
    "--check-args -q libsqlite3 --libsqlite3-db=/x --libsqlite3-table=y --store-queue-on-shutdown",
    "--check-args -q Postgres --libpq-conninfo=dbname=x --libpq-table=queue",
    "--check-args -q MySQL --mysql-host=h --mysql-port=1 --mysql-user=u --mysql-password=p --mysql-db=d",
    "--check-args -q libmemcached --libmemcached-servers=h:1 --libmemcached-prefix=p",
    "--check-args --version --help",
    "--check-args --",
    "--check-args -- more",
    "--check-args -",
    "--foo",
    "--foo=1",
    "-h --foo",
    "-V --foo",
    "-v",
    "-x",
    "-dx",
    "word",
    "--por 4731",
    "--PORT=4731",
    "--port",
    "-p",
    "-p -d",
    "--threads --check-args",
    "--threads abc --foo",
    "--threads 4.5",
    "--backlog x",
    "--job-retries abc",
    "--worker-wakeup abc",
    "--file-descriptors abc",
    "--keepalive-idle=x",
    "--mysql-port=abc",
    "--daemon=1",
    "--daemon=",
    "--listen=",
    "--ssl=1",
    "--port=1 --port=2",
    "-d -d",
    "-j 1 -j 2 -t x",
    "--verbose",
    "--verbose=",
    "--verbose=info",
    "--verbose=LOUD --hashtable-buckets=0",
    "--hashtable-buckets=0",
    "--config-file=/no/such/file",
    "--check-args --config-file=/no/such/file",
    "-u no-such-user -l stderr",
    "-f 99999999999 -l stderr",
    "-P /no/such/folder/pid -l stderr",
]


@pytest.mark.parametrize("line", LINES)
def test_both_end_alike(line: str, ours: Path, start_process: StartProcess) -> None:
    theirs = start_process(GEARMAND, *line.split())
    ended = start_process(ours, *line.split())
    assert outcome(ended) == outcome(theirs)
    assert ended.stdout == theirs.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-q MySQL --mysql-table=t", "missing required --mysql-db=<database> argument"),
        ("-q nope", "Unknown queue nope"),
        ("-r nope", "Unknown protocol module : nope"),
        ("--ssl", "--ssl needs --ssl-certificate"),
        ("--ssl --ssl-certificate=/no/such/file", "/no/such/file"),
        ("--port=70000", "port 70000 is over 65535"),
        ("--user=no-such-user", "Could not find user : no-such-user"),
    ],
)
def test_a_check_refuses_what_a_start_would(line: str, said: str, ours: Path, start_process: StartProcess) -> None:
    """gearmand's says yes to all of them."""
    ended = start_process(ours, "--check-args", *line.split())
    assert ended.wait() == 1
    assert said in ended.stderr


@pytest.mark.parametrize("queue", ["nope", "libdrizzle", "libtokyocabinet", "libsqlite3", "libmemcached"])
def test_a_queue_that_cannot_be_had_is_refused_alike(
    queue: str, ours: Path, start_process: StartProcess, tmp_path: Path
) -> None:
    options = ["-q", queue, "-l", "stderr", "-P", str(tmp_path / "pid"), "-L", "127.0.0.1"]
    theirs = start_process(GEARMAND, *options)
    ended = start_process(ours, *options)
    assert outcome(ended)[0] == outcome(theirs)[0] == 1
    assert outcome(ended)[1].splitlines()[-1] == outcome(theirs)[1].splitlines()[-1]
    assert not (tmp_path / "pid").exists()


def test_an_unknown_protocol_is_refused_alike(ours: Path, start_process: StartProcess, tmp_path: Path) -> None:
    options = ["-r", "nope", "-l", "stderr", "-P", str(tmp_path / "pid"), "-L", "127.0.0.1", "-p", "0"]
    theirs = start_process(GEARMAND, *options)
    ended = start_process(ours, *options)
    assert outcome(ended) == outcome(theirs)


@pytest.mark.parametrize(
    ("text", "status"),
    [("--port=1\n--verbose=INFO", 0), ("--bogus", 1), ("a comment, passed over\n--round-robin", 0), ("--port", 1)],
)
def test_a_configuration_file_is_read_alike(
    text: str, status: int, ours: Path, start_process: StartProcess, tmp_path: Path
) -> None:
    file = tmp_path / "gearmand.conf"
    file.write_text(text, encoding="utf-8")
    theirs = start_process(GEARMAND, "--check-args", "--config-file", file)
    ended = start_process(ours, "--check-args", "--config-file", file)
    assert outcome(ended) == outcome(theirs)
    assert ended.wait() == status


def test_what_has_been_promised_and_cannot_be_kept_is_refused(ours: Path, start_process: StartProcess) -> None:
    for options, said in (
        (["--ssl"], "gearmand: --ssl"),  # gearmand as Debian builds it serves plain text
        (["-r", "gopher"], "protocol module : gopher"),
        (["-q", "libdrizzle"], "there is no store for libdrizzle here"),
        (["-p", "70000"], "port 70000 is over 65535"),
        (["-p", "no-such-service"], "neither a port nor the name of a service"),
        (["-j", "256"], "the argument ('256') for option '--job-retries' is invalid"),
        (["-q", "MySQL"], "missing required --mysql-db=<database> argument"),
        (["-q", "Postgres", "--libpq-conninfo", "dbname"], "--libpq-conninfo cannot be parsed"),
    ):
        ended = start_process(ours, "-l", "stderr", *options)
        assert ended.wait() == 1
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr


def test_help_names_every_option_that_gearmand_names(ours: Path, start_process: StartProcess) -> None:
    theirs = options_in(start_process(GEARMAND, "--help").succeed())
    shown = options_in(start_process(ours, "--help").succeed())
    assert theirs - shown == set()


def test_the_version_says_who_it_is(ours: Path, start_process: StartProcess) -> None:
    shown = start_process(ours, "--version").succeed().decode()
    assert shown.startswith("\ngearmand ")
    assert "gearbridge" in shown


def outcome(process: Process) -> tuple[int, str]:
    """Exit status and standard error. gearmand names itself as it was called, with the folder; a script cannot."""
    return process.wait(), process.stderr.replace(f"{GEARMAND}:", "gearmand:")


def options_in(text: bytes) -> set[str]:
    return {word for word in text.decode().split() if word.startswith("--")}
