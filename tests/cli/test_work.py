"""`gearbridge work`: any command as a worker."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, JobFailed
from tests.fixtures.processes import PATIENCE, wait_until
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.job_server import JobServer

    from .conftest import Gearbridge


@pytest.fixture
def client(shared_job_server: JobServer) -> Iterator[Client]:
    with Client(shared_job_server.address) as client:
        yield client


def test_a_command_does_the_jobs(gearbridge: Gearbridge, client: Client) -> None:
    worker = gearbridge("work", "upper", "shout", "--count", "2", "--", "tr", "a-z", "A-Z")
    assert client.do("upper", "hello", timeout=PATIENCE) == b"HELLO"
    assert client.do("shout", b"hey\0\xff\n", timeout=PATIENCE) == b"HEY\0\xff\n"
    worker.succeed()
    assert worker.stderr.startswith("gearbridge: working for upper, shout on 127.0.0.1:")


def test_the_command_knows_its_job(gearbridge: Gearbridge, client: Client) -> None:
    told = 'echo "$GEARBRIDGE_HANDLE $GEARBRIDGE_FUNCTION $GEARBRIDGE_UNIQUE_KEY"; echo seen >&2'
    worker = gearbridge("work", "who", "-c", "1", "--", "sh", "-c", told)
    handle, function, key = client.do("who", "", "my-key", timeout=PATIENCE).decode().split()
    assert handle
    assert (function, key) == ("who", "my-key")
    worker.succeed()
    assert "seen\n" in worker.stderr


def test_a_trace_goes_from_environment_to_environment(
    gearbridge: Gearbridge, shared_job_server: JobServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gearbridge("work", "traced", "-c", "3", "--", "sh", "-c", 'printf "%s" "$TRACEPARENT"')
    known = shared_job_server.kind == "gearbridge"
    monkeypatch.setenv("TRACEPARENT", TRACE)
    assert gearbridge("submit", "traced").succeed().decode() == (TRACE if known else "")
    other = TRACE.replace("b7", "c8")
    submit = gearbridge("submit", "traced", "--traceparent", other)
    assert submit.succeed().decode() == (other if known else "")
    monkeypatch.setenv("TRACEPARENT", "nonsense")
    submit = gearbridge("submit", "traced")
    assert submit.succeed() == b"", "a trace that is none costs no job"
    assert "the job has no trace: in the environment 'nonsense' is no traceparent" in submit.stderr


@pytest.mark.parametrize(("script", "said"), [("exit 3", "ended with status 3"), ("kill -9 $$", "ended with SIGKILL")])
def test_a_command_that_fails(gearbridge: Gearbridge, client: Client, script: str, said: str) -> None:
    worker = gearbridge("work", "failing", "-c", "1", "--", "sh", "-c", script)
    with pytest.raises(JobFailed):
        client.do("failing", timeout=PATIENCE)
    worker.succeed()
    assert said in worker.stderr


def test_the_last_line_of_standard_error_is_the_reason(gearbridge: Gearbridge, client: Client) -> None:
    script = "echo first >&2; printf 'no such picture\\n\\n' >&2; exit 4"
    worker = gearbridge("work", "reasoned", "-c", "1", "--", "sh", "-c", script)
    reasons: list[bytes] = []
    with pytest.raises(JobFailed):
        client.do("reasoned", timeout=PATIENCE, on_warning=reasons.append)
    worker.succeed()
    (reason,) = reasons
    assert reason.endswith(b"ended with status 4: no such picture")
    assert "first\nno such picture\n" in worker.stderr, "it is shown as it comes"


def test_a_program_that_a_command_leaves_behind_holds_up_nothing(gearbridge: Gearbridge, client: Client) -> None:
    worker = gearbridge("work", "leaving", "-c", "1", "--", "sh", "-c", "sleep 600 >/dev/null & echo gone >&2; exit 1")
    with pytest.raises(JobFailed):
        client.do("leaving", timeout=PATIENCE)
    worker.succeed()


def test_a_command_that_does_not_read_its_payload(gearbridge: Gearbridge, client: Client) -> None:
    gearbridge("work", "deaf", "-c", "1", "--", "echo", "done")
    assert client.do("deaf", bytes(1_000_000), timeout=PATIENCE) == b"done\n"


def test_without_a_command_payloads_are_printed(gearbridge: Gearbridge, client: Client) -> None:
    client.do_background_many("printed", ["one", "two", "three"])
    assert gearbridge("work", "printed", "--count", "3").succeed() == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_job_in_hand_be_finished(
    gearbridge: Gearbridge, client: Client, tmp_path: Path, number: signal.Signals
) -> None:
    handle = client.do_background("patient", "x")
    begun, go_on, done = tmp_path / "begun", tmp_path / "go-on", tmp_path / "done"
    script = f"touch {begun}; until [ -e {go_on} ]; do sleep 0.01; done; touch {done}"
    worker = gearbridge("work", "patient", "--", "sh", "-c", script)
    worker.wait_for(begun.exists)
    os.killpg(worker.pid, number)  # as a terminal's Ctrl-C: the whole group
    go_on.touch()
    worker.succeed()
    assert done.exists()
    assert not client.status(handle).known


def test_a_signal_while_waiting_ends_the_worker(gearbridge: Gearbridge, client: Client) -> None:
    worker = gearbridge("work", "idle", "--client-id", "idler")
    wait_until(lambda: any(" idler : idle" in line for line in client.admin("workers")))
    assert worker.terminate() == 0


def test_a_second_signal_leaves_the_job_to_another_worker(
    gearbridge: Gearbridge, client: Client, tmp_path: Path
) -> None:
    client.do_background("hasty", "keep me")
    begun = tmp_path / "begun"
    worker = gearbridge("work", "hasty", "--", "sh", "-c", f"touch {begun}; exec sleep 600")
    worker.wait_for(begun.exists)
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: worker.stderr.count("\n") == 2)  # it says that it heard
    worker.send_signal(signal.SIGTERM)
    assert worker.wait() == 128 + signal.SIGTERM
    assert gearbridge("work", "hasty", "--count", "1").succeed() == b"keep me\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing argument 'FUNCTION...'"),
        (("--", "cat"), "Missing argument 'FUNCTION...'"),
        (("f", "--"), "there is no COMMAND behind --"),
        (("f", "--", "no-such-command-anywhere"), "there is no command 'no-such-command-anywhere'"),
        (("f", "--client-id", "two words"), "a client id cannot be empty, nor contain spaces"),
        (("",), "it cannot be empty"),
    ],
)
def test_wrong_usage(gearbridge: Gearbridge, arguments: tuple[str, ...], said: str) -> None:
    process = gearbridge("work", *arguments)
    assert process.wait() == 2
    assert said in " ".join(process.stderr.split())


def test_help_shows_where_the_command_goes(gearbridge: Gearbridge) -> None:
    assert b"FUNCTION... [-- COMMAND [ARG]...]" in gearbridge("work", "--help").succeed()
