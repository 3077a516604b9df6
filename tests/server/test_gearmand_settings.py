"""gearmand's settings of how jobs are given out, on gearmand and on our server: the same is seen."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import wait_until
from tests.fixtures.server import SERVERS, GearbridgeServer

from .wire_client import WireClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.job_server import JobServer


@pytest.fixture(params=list(SERVERS))
def kind(request: pytest.FixtureRequest) -> type[JobServer]:
    """Once gearmand, once ours."""
    return SERVERS[request.param]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a test has opened."""
    with ExitStack() as opened:
        yield opened


def worker(stack: ExitStack, server: JobServer, *functions: str) -> WireClient:
    connected = stack.enter_context(WireClient(server.port))
    for function in functions:
        connected.send("CAN_DO", function)
    return connected


def asleep(stack: ExitStack, server: JobServer, function: str) -> WireClient:
    sleeper = worker(stack, server, function)
    sleeper.send("PRE_SLEEP")
    sleeper.ask("ECHO_REQ", "asleep")
    return sleeper


def was_woken(sleeper: WireClient) -> bool:
    """Whether a NOOP has come before the answer to a question asked now."""
    woken = sleeper.ask("ECHO_REQ", "") == ("NOOP",)
    if woken:
        sleeper.hear()
    return woken


@pytest.mark.parametrize(("options", "woken"), [((), 3), (("--worker-wakeup=1",), 1), (("-w", "2"), 2)])
def test_so_many_workers_are_woken_for_a_job(
    options: tuple[str, ...], woken: int, kind: type[JobServer], tmp_path: Path, stack: ExitStack
) -> None:
    server = stack.enter_context(kind(tmp_path, *options))
    sleepers = [asleep(stack, server, "f") for _ in range(3)]
    client = stack.enter_context(WireClient(server.port))
    client.ask("SUBMIT_JOB_BG", "f", "", "")
    assert [was_woken(sleeper) for sleeper in sleepers].count(True) == woken


def test_the_next_job_wakes_the_next_worker(kind: type[JobServer], tmp_path: Path, stack: ExitStack) -> None:
    server = stack.enter_context(kind(tmp_path, "-w", "1"))
    sleepers = [asleep(stack, server, "f") for _ in range(3)]
    client = stack.enter_context(WireClient(server.port))
    woken = []
    for _ in sleepers:
        client.ask("SUBMIT_JOB_BG", "f", "", "")
        (number,) = (number for number, sleeper in enumerate(sleepers) if was_woken(sleeper))
        sleepers[number].ask("GRAB_JOB")
        sleepers[number].send("PRE_SLEEP")
        assert not was_woken(sleepers[number])
        woken.append(number)
    assert sorted(woken) == [0, 1, 2]


def test_with_round_robin_functions_take_turns(kind: type[JobServer], tmp_path: Path, stack: ExitStack) -> None:
    server = stack.enter_context(kind(tmp_path, "-R"))
    client = stack.enter_context(WireClient(server.port))
    for function in ("a", "a", "a", "b", "b", "b"):
        client.ask("SUBMIT_JOB_BG", function, "", "")
    grabbing = worker(stack, server, "a", "b")
    order = "".join(grabbing.ask("GRAB_JOB")[2] for _ in range(6))
    assert order in {"ababab", "bababa"}


def test_ours_takes_turns_without_being_told_and_priority_goes_before(tmp_path: Path, stack: ExitStack) -> None:
    # gearmand 1.1: the last function registered is worked off first, whatever waits in another.
    server = stack.enter_context(GearbridgeServer(tmp_path))
    client = stack.enter_context(WireClient(server.port))
    for command, function in (
        ("SUBMIT_JOB_LOW_BG", "a"),
        ("SUBMIT_JOB_BG", "a"),
        ("SUBMIT_JOB_BG", "a"),
        ("SUBMIT_JOB_BG", "b"),
        ("SUBMIT_JOB_HIGH_BG", "b"),
    ):
        client.ask(command, function, "", "")
    grabbing = worker(stack, server, "a", "b")
    assert "".join(grabbing.ask("GRAB_JOB")[2] for _ in range(5)) == "babaa"


def test_exceptions_go_to_clients_that_never_asked(kind: type[JobServer], tmp_path: Path, stack: ExitStack) -> None:
    server = stack.enter_context(kind(tmp_path, "--exceptions"))
    client = stack.enter_context(WireClient(server.port))
    handle = client.ask("SUBMIT_JOB", "f", "", "")[1]
    failing = worker(stack, server, "f")
    failing.ask("GRAB_JOB")
    failing.send("WORK_EXCEPTION", handle, "why")
    assert client.hear() == ("WORK_EXCEPTION", handle, "why")


def test_without_exceptions_they_hear_of_a_failure(kind: type[JobServer], tmp_path: Path, stack: ExitStack) -> None:
    server = stack.enter_context(kind(tmp_path))
    client = stack.enter_context(WireClient(server.port))
    handle = client.ask("SUBMIT_JOB", "f", "", "")[1]
    failing = worker(stack, server, "f")
    failing.ask("GRAB_JOB")
    failing.send("WORK_EXCEPTION", handle, "why")
    name, ended = client.hear()
    assert (name, ended.rstrip("\0")) == ("WORK_FAIL", handle)  # gearmand leaves a NUL at the handle's end


@pytest.mark.parametrize("retries", [1, 2])
def test_a_job_fails_with_the_last_of_so_many_lost_workers(
    retries: int, kind: type[JobServer], tmp_path: Path, stack: ExitStack
) -> None:
    server = stack.enter_context(kind(tmp_path, f"--job-retries={retries}"))
    client = stack.enter_context(WireClient(server.port))
    handle = client.ask("SUBMIT_JOB", "f", "", "")[1]
    for attempt in range(1, retries + 1):
        with WireClient(server.port) as lost:
            lost.send("CAN_DO", "f")
            assert lost.ask("GRAB_JOB")[1] == handle
        if attempt < retries:
            wait_until(lambda: client.ask("GET_STATUS", handle)[3] == "0", what="the job to be queued again")
    assert client.hear() == ("WORK_FAIL", handle)
    assert server.admin("status") == ["f\t0\t0\t0"]


def test_without_a_limit_a_job_survives_all_its_workers(
    kind: type[JobServer], tmp_path: Path, stack: ExitStack
) -> None:
    server = stack.enter_context(kind(tmp_path))
    client = stack.enter_context(WireClient(server.port))
    handle = client.ask("SUBMIT_JOB", "f", "", "")[1]
    for _ in range(5):
        with WireClient(server.port) as lost:
            lost.send("CAN_DO", "f")
            assert lost.ask("GRAB_JOB")[1] == handle
        wait_until(lambda: client.ask("GET_STATUS", handle)[3] == "0", what="the job to be queued again")


def test_the_prefix_of_handles(kind: type[JobServer], tmp_path: Path, stack: ExitStack) -> None:
    server = stack.enter_context(kind(tmp_path, "--job-handle-prefix=Mine"))
    client = stack.enter_context(WireClient(server.port))
    assert client.ask("SUBMIT_JOB_BG", "f", "", "")[1].startswith("Mine:")
