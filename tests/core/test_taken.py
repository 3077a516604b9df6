"""Jobs that are taken from a worker while it runs them: its reports about them are ignored, and end nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge.core.incidents import TimeOut
from gearbridge.core.peer import MOST_TAKEN

from .conversation import Speaker, Talk

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_FOUND = ("ERROR", "JOB_NOT_FOUND")


def timed_worker(talk: Talk) -> Speaker:
    worker = talk.connect()
    worker.say("CAN_DO_TIMEOUT", "f", "1000")
    return worker


def cancel(talk: Talk, handle: str) -> None:
    assert talk.connect().line(f"cancel job {handle}") == "OK\r\n"


def time_out(talk: Talk, handle: str) -> None:
    talk.tick(now=0)
    talk.tick(now=100)


ENDS = [("WORK_COMPLETE", b"r"), ("WORK_FAIL",), ("WORK_EXCEPTION", b"e")]
TAKEN = pytest.mark.parametrize("take", [cancel, time_out])


@TAKEN
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end[0])
@pytest.mark.parametrize("background", [False, True])
def test_reports_are_ignored_up_to_the_end(
    take: Callable[[Talk, str], None], end: tuple[str, ...], background: bool
) -> None:
    talk = Talk(job_retries=1)
    client, worker = talk.connect(), timed_worker(talk)
    handle = client.submit("SUBMIT_JOB_BG" if background else "SUBMIT_JOB", "f")
    worker.grab()
    take(talk, handle)
    for report in ("WORK_STATUS", handle, "1", "2"), ("WORK_DATA", handle, "d"), ("WORK_WARNING", handle, "w"):
        assert worker.ask(*report) == []
    command, *rest = end
    assert worker.ask(command, handle, *rest) == []
    assert client.heard() == ([] if background else [("WORK_FAIL", handle)])
    if command == "WORK_EXCEPTION":
        assert worker.ask("WORK_FAIL", handle) == [], "Perl and PHP workers send both"
    for again in (command, handle, *rest), ("WORK_STATUS", handle, "1", "2"), ("WORK_DATA", handle, "d"):
        assert worker.ask(*again)[0][:2] == NOT_FOUND
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


@TAKEN
def test_others_get_an_error(take: Callable[[Talk, str], None]) -> None:
    talk = Talk(job_retries=1)
    worker, other = timed_worker(talk), talk.worker("f")
    handle = talk.connect().submit("SUBMIT_JOB", "f")
    worker.grab()
    take(talk, handle)
    assert other.ask("WORK_COMPLETE", handle, "mine")[0][:2] == NOT_FOUND
    assert worker.ask("WORK_COMPLETE", "H:test:99", "never had")[0][:2] == NOT_FOUND


def test_a_late_result_does_not_end_the_attempt_of_another_worker() -> None:
    talk = Talk()
    client, slow, other = talk.connect(), timed_worker(talk), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f")
    slow.grab()
    time_out(talk, handle)
    assert other.grab() == handle
    slow.say("WORK_STATUS", handle, "7", "9")
    assert slow.ask("WORK_COMPLETE", handle, "late") == []
    assert client.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "1", "1", "0", "0")]
    assert other.ask("WORK_COMPLETE", handle, "right") == []
    assert client.heard() == [("WORK_COMPLETE", handle, "right")]


def test_a_worker_that_gets_its_job_again_reports_about_the_new_attempt_and_then_the_old_one() -> None:
    talk = Talk()
    client, worker = talk.connect(), timed_worker(talk)
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    time_out(talk, handle)
    assert worker.grab() == handle
    worker.say("WORK_STATUS", handle, "1", "2")
    assert worker.ask("WORK_COMPLETE", handle, "first") == []
    assert worker.ask("WORK_COMPLETE", handle, "second") == [], "a worker of several threads ends both attempts"
    assert client.heard() == [("WORK_STATUS", handle, "1", "2"), ("WORK_COMPLETE", handle, "first")]
    assert worker.ask("WORK_COMPLETE", handle, "third")[0][:2] == NOT_FOUND


def test_a_job_that_its_client_left_and_that_timed_out() -> None:
    talk = Talk()
    client, worker = talk.connect(), timed_worker(talk)
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    client.leave()
    time_out(talk, handle)
    assert worker.ask("WORK_COMPLETE", handle, "late") == []
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


def test_a_worker_that_gives_up_the_function_first() -> None:
    talk = Talk()
    worker, handle = talk.worker("f"), talk.connect().submit("SUBMIT_JOB", "f")
    worker.grab()
    worker.say("RESET_ABILITIES")
    cancel(talk, handle)
    talk.connect().line("drop function f")
    assert worker.ask("WORK_COMPLETE", handle, "late") == []


def test_handles_of_taken_jobs_are_bounded() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    for _ in range(MOST_TAKEN + 500):
        handle = client.submit("SUBMIT_JOB_BG", "f")
        worker.grab()
        cancel(talk, handle)
    assert MOST_TAKEN // 2 < len(worker.peer.taken) <= MOST_TAKEN
    assert worker.ask("WORK_COMPLETE", handle, "late") == [], "the last ones are remembered"


def test_sleep_ends_the_time_out_of_what_a_worker_runs() -> None:
    talk = Talk()
    client, worker = talk.connect(), timed_worker(talk)
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    talk.tick(now=0)
    worker.say("PRE_SLEEP")
    time_out(talk, handle)
    assert worker.ask("WORK_COMPLETE", handle, "r") == []
    assert client.heard() == [("WORK_COMPLETE", handle, "r")]


def test_a_job_that_takes_longer_than_its_worker_allows_ends_at_some_attempt() -> None:
    talk = Talk()
    client, worker = talk.connect(), timed_worker(talk)
    handle = client.submit("SUBMIT_JOB", "f")
    now, attempts = 0.0, 0
    while not client.heard():
        worker.grab()
        attempts += 1
        talk.tick(now=now)
        now += 3.0  # what it takes
        talk.tick(now=now)
        worker.say("WORK_COMPLETE", handle, "r")
        assert worker.heard() == []
    assert attempts == 3
    ((late, _),) = talk.engine.take_incidents()
    assert [one.seconds for one in late if isinstance(one, TimeOut)] == [1, 2]
    assert not talk.engine.lifecycle.deadlines.jobs


def test_where_retries_are_limited_each_attempt_has_the_same_time() -> None:
    talk = Talk(job_retries=3)
    client, worker = talk.connect(), timed_worker(talk)
    handle = client.submit("SUBMIT_JOB", "f")
    for now in (0, 10, 20):
        worker.grab()
        talk.tick(now=now)
        talk.tick(now=now + 1)
    assert client.heard() == [("WORK_FAIL", handle)]


def test_what_ended_in_time_leaves_memory_behind_one_long_deadline() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.connect()
    worker.say("CAN_DO_TIMEOUT", "long", "100000000")
    worker.say("CAN_DO_TIMEOUT", "f", "200000000")
    client.submit("SUBMIT_JOB_BG", "long")
    worker.grab()
    for _ in range(500):
        handle = client.submit("SUBMIT_JOB_BG", "f", "", "payload")
        worker.grab()
        talk.tick(now=0)
        worker.say("WORK_COMPLETE", handle, "")
    deadlines = talk.engine.lifecycle.deadlines
    assert len(deadlines._late) == len(deadlines._armed) == 1
    assert len(deadlines._heap) < 100
    assert talk.tick(now=0) == 100_000
