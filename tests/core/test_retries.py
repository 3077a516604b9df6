"""Jobs that came over a socket and are tried again by a rule, and jobs of SQL that lose their workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.backoff import pause_before
from gearbridge.core.retry_limits import MOST_LOST
from gearbridge.core.retry_rules import RetryRule, most_attempts
from gearbridge.records import Drop, Failed, Put, Retry, Update

from .conversation import Talk
from .table import Table
from .test_enqueued import claim, enqueued, running

if TYPE_CHECKING:
    from gearbridge.records import Operation

    from .conversation import Speaker

RULES = (RetryRule(b"f", 3),)
WALL = 1_000_000.0
FAILURES: dict[str, list[tuple[str, ...]]] = {
    "WORK_FAIL": [("WORK_FAIL",)],
    "WORK_EXCEPTION": [("WORK_EXCEPTION", "boom"), ("WORK_FAIL",)],
}


def talking(*, durable: bool = False, claimable: bool = False, **settings: Any) -> Talk:
    talk = Talk(durable=durable, claimable=claimable, retry_rules=RULES, **settings)
    talk.tick(0.0, WALL)
    return talk


def submit(talk: Talk) -> str:
    """A background job of f that is acknowledged; its handle."""
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "x")
    talk.commit()
    ((created, handle),) = client.heard()
    assert created == "JOB_CREATED"
    return handle


def fail(worker: Speaker, handle: str, failure: str = "WORK_FAIL") -> None:
    for name, *args in FAILURES[failure]:
        worker.say(name, handle, *args)
    assert worker.heard() == []


def after(talk: Talk, handle: str, attempts: int) -> float:
    """Let the pause after so many attempts go by; the moment before its end and the end are looked at."""
    worker = talk.worker("f")
    pause = pause_before(handle.encode(), attempts)
    before = talk.now
    talk.tick(before + pause - 1, WALL + before + pause - 1)
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    talk.tick(before + pause + 1, WALL + before + pause + 1)
    worker.leave()
    return pause


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_attempt_is_followed_by_another_after_a_pause_until_it_was_often_enough(
    failure: str, durable: bool
) -> None:
    talk = talking(durable=durable)
    handle, worker = submit(talk), talk.worker("f")
    error = "boom" if failure == "WORK_EXCEPTION" else "the worker said that the job failed"
    for attempts in (1, 2):
        assert worker.grab() == handle
        fail(worker, handle, failure)
        assert list(talk.commit()) == ([Retry(handle.encode(), attempts, error)] if durable else [])
        assert worker.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "1", "0", "0", "0")]
        after(talk, handle, attempts)
    assert not list(talk.engine.lifecycle.failures)
    assert worker.grab() == handle
    fail(worker, handle, failure)
    assert list(talk.commit()) == ([Drop(handle.encode())] if durable else [])
    assert worker.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "0", "0", "0", "0")]
    (failed,) = talk.engine.lifecycle.failures
    assert failed.error == error
    (function,) = talk.engine.lifecycle.queue.functions.values()
    assert (function.total, function.failed, function.lost, function.completed) == (0, 1, 2, 0)


@pytest.mark.parametrize("durable", [False, True])
def test_a_lost_worker_and_a_time_out_are_attempts_too(durable: bool) -> None:
    talk = talking(durable=durable)
    handle, worker = submit(talk), talk.worker("f")
    assert worker.grab() == handle
    worker.leave()
    expected: list[Operation] = [Retry(handle.encode(), 1, "its worker was lost")] if durable else []
    assert list(talk.commit()) == expected
    after(talk, handle, 1)
    slow = talk.connect()
    slow.say("CAN_DO_TIMEOUT", "f", "1000")
    assert slow.grab() == handle
    talk.tick(talk.now, WALL + talk.now)
    talk.tick(talk.now + 1, WALL + talk.now + 1)
    after(talk, handle, 2)
    last = talk.worker("f")
    assert last.grab() == handle
    last.leave()
    assert talk.connect().ask("GET_STATUS", handle) == [("STATUS_RES", handle, "0", "0", "0", "0")]


def test_the_worker_may_report_late_what_it_was_timed_out_of() -> None:
    talk = talking()
    handle, slow = submit(talk), talk.connect()
    slow.say("CAN_DO_TIMEOUT", "f", "1000")
    assert slow.grab() == handle
    talk.tick(talk.now, WALL + talk.now)
    talk.tick(talk.now + 1, WALL + talk.now + 1)
    assert slow.ask("WORK_COMPLETE", handle, "late") == []
    assert talk.connect().ask("GET_STATUS", handle) == [("STATUS_RES", handle, "1", "0", "0", "0")]


def test_success_ends_it_whatever_failed_before() -> None:
    talk = talking(durable=True)
    handle, worker = submit(talk), talk.worker("f")
    worker.grab()
    fail(worker, handle)
    talk.commit()
    after(talk, handle, 1)
    assert worker.grab() == handle
    worker.say("WORK_COMPLETE", handle, "")
    assert list(talk.commit()) == [Drop(handle.encode())]


def test_a_foreground_job_is_not_tried_again() -> None:
    talk = talking()
    client, worker = talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    fail(worker, handle)
    assert client.heard() == [("WORK_FAIL", handle)]


@pytest.mark.parametrize("failure", FAILURES)
def test_who_joined_a_background_job_hears_of_its_last_attempt_only(failure: str) -> None:
    talk = talking(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "key", "x")
    talk.commit()
    client.heard()
    handle = client.submit("SUBMIT_JOB", "f", "key")
    for attempts in (1, 2):
        worker.grab()
        fail(worker, handle, failure)
        assert client.heard() == []
        after(talk, handle, attempts)
    worker.grab()
    fail(worker, handle, failure)
    assert client.heard() == [("WORK_FAIL", handle)]


def test_without_a_rule_for_its_function_a_failure_is_final() -> None:
    talk = talking(durable=True)
    client, worker = talk.connect(), talk.worker("g")
    client.say("SUBMIT_JOB_BG", "g", "", "x")
    talk.commit()
    worker.say("WORK_FAIL", handle := worker.grab())
    assert list(talk.commit()) == [Drop(handle.encode())]


def test_what_is_not_written_yet_is_tried_again_without_the_store() -> None:
    talk = talking(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "key")
    worker.grab()
    client.say("SUBMIT_JOB_BG", "f", "key", "x")  # it becomes a background job while it runs
    fail(worker, handle)
    (put,) = talk.commit()
    assert isinstance(put, Put)
    after(talk, handle, 1)
    assert worker.grab() == handle


def test_a_job_that_waits_for_its_next_attempt_can_be_cancelled() -> None:
    talk = talking(durable=True)
    handle, worker = submit(talk), talk.worker("f")
    worker.grab()
    fail(worker, handle)
    assert talk.connect().line(f"cancel job {handle}") == "OK\r\n"
    assert list(talk.commit()) == [
        Retry(handle.encode(), 1, "the worker said that the job failed"),
        Drop(handle.encode()),
    ]


def test_a_stop_leaves_it_to_the_next_server() -> None:
    talk = talking(durable=True)
    handle, worker = submit(talk), talk.worker("f")
    worker.grab()
    talk.engine.drain()
    fail(worker, handle)
    assert talk.engine.is_idle()
    talk.commit()
    talk.tick(talk.now + 10, WALL + talk.now + 10)
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


@pytest.mark.parametrize("shared", [False, True])
def test_a_job_that_was_claimed_waits_in_the_table(shared: bool) -> None:
    talk = talking(durable=True, claimable=True, window_jobs=1, shared=shared)
    table = Table()
    if shared:
        talk.engine.resume(1e9)
    client = talk.connect()
    for _ in range(2):
        client.say("SUBMIT_JOB_BG", "f", "", "x")
        table.commit(talk)
    worker = talk.worker("f")
    function = talk.engine.lifecycle.queue.functions[b"f"]
    table.claim_for(talk)
    failed: set[str] = set()
    for _ in range(2):
        handle = worker.grab()
        job = talk.engine.lifecycle.queue.jobs[handle.encode()]
        fail(worker, handle)
        group = talk.begin_commit()
        assert list(group) == [Retry(handle.encode(), 1, "the worker said that the job failed")]
        talk.end_commit(group)
        if job.claimed:
            failed.add(handle)
            assert handle.encode() not in talk.engine.lifecycle.queue.jobs
            table.apply(group)
        table.claim_for(talk)
    assert len(failed) == (2 if shared else 1)
    assert (function.total, function.lost, function.failed) == (2, 2, 0)
    assert sum(function.claimed) == len(failed)
    talk.tick(talk.now + 10, WALL + talk.now + 10)
    for _ in range(2):
        worker.say("WORK_COMPLETE", worker.grab(), "")
    assert (function.total, function.completed) == (0, 2)


@pytest.mark.parametrize("failure", ["WORK_FAIL", "WORK_EXCEPTION", "lost"])
@pytest.mark.parametrize("shared", [False, True])
def test_where_the_store_has_rows_what_failed_for_good_is_kept_with_its_error(shared: bool, failure: str) -> None:
    talk = Talk(durable=True, claimable=True, shared=shared, retry_rules=(RetryRule(b"f", 1),))
    table = Table()
    talk.connect().say("SUBMIT_JOB_BG", "f", "", "x")
    table.commit(talk)
    worker = talk.worker("f")
    table.claim_for(talk)
    handle = worker.grab()
    if failure == "lost":
        worker.leave()
    else:
        fail(worker, handle, failure)
    error = {"lost": "its worker was lost", "WORK_EXCEPTION": "boom"}.get(
        failure, "the worker said that the job failed"
    )
    assert list(talk.commit()) == [Failed(handle.encode(), 1, error)]
    (function,) = talk.engine.lifecycle.queue.functions.values()
    assert (function.total, function.failed, function.completed) == (0, 1, 0)


def test_a_job_that_no_rule_is_for_is_not_kept() -> None:
    talk = talking(durable=True, claimable=True)
    talk.connect().say("SUBMIT_JOB_BG", "g", "", "x")
    talk.commit()
    worker = talk.worker("g")
    worker.say("WORK_FAIL", handle := worker.grab())
    assert list(talk.commit()) == [Drop(handle.encode())]


def test_the_first_rule_that_matches_counts() -> None:
    rules = (RetryRule(b"mail_[ab]", 2), RetryRule(b"mail_*", 5), RetryRule(b"caf\xc3?", 7))
    found = {name: most_attempts(rules, name) for name in (b"mail_a", b"mail_c", b"mai", b"caf\xc3\xa9", b"MAIL_a")}
    assert found == {b"mail_a": 2, b"mail_c": 5, b"mai": 0, b"caf\xc3\xa9": 7, b"MAIL_a": 0}


def test_pauses_double_up_to_an_hour_and_are_spread() -> None:
    handles = [b"H:%d" % number for number in range(100)]
    for attempts, pause in ((1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (2**31, 3600)):
        found = [pause_before(handle, attempts) for handle in handles]
        assert 0.7 * pause <= min(found) <= pause <= max(found) <= 1.3 * pause
        assert len(set(found)) > 1 or pause == 2, "whole seconds"
    assert pause_before(b"H:1", 0) == 1


def test_a_job_of_sql_that_loses_its_workers_goes_on_at_once_then_after_pauses_and_then_fails() -> None:
    talk = Talk(durable=True)
    running(talk, enqueued("S:1")).leave()
    assert list(talk.commit()) == [Update(b"S:1", 1)]
    worker = talk.worker("f")
    assert worker.grab() == "S:1"
    worker.leave()
    for attempts in range(2, MOST_LOST):
        assert list(talk.commit()) == [Retry(b"S:1", attempts, "its worker was lost")]
        again = enqueued("S:1")
        again.attempts = attempts
        running(talk, again).leave()
    assert list(talk.commit()) == [Failed(b"S:1", MOST_LOST, "its worker was lost")]
    assert talk.engine.take_notices() == [
        f"job S:1 of 'f' was lost {attempts} times: its workers end or take too long" for attempts in (3, 10, 20)
    ]


def test_who_joined_a_job_of_sql_gets_its_result_after_a_lost_worker() -> None:
    talk = Talk(durable=True)
    talk.tick(0.0, WALL)
    claim(talk, enqueued("S:1", unique_key=b"key"))
    client = talk.connect()
    assert client.submit("SUBMIT_JOB", "f", "key") == "S:1"
    for attempts in (1, 2):
        worker = talk.worker("f")
        assert worker.grab() == "S:1"
        worker.leave()
        assert list(talk.commit()) == [Update(b"S:1", attempts)]
    after(talk, "S:1", 2)
    worker = talk.worker("f")
    assert worker.grab() == "S:1"
    worker.say("WORK_COMPLETE", "S:1", "result")
    assert client.heard() == [("WORK_COMPLETE", "S:1", "result")]


def test_time_doubles_with_each_time_out_over_claims_too() -> None:
    talk = Talk(durable=True)
    talk.tick(0.0, WALL)
    worker = talk.connect()
    worker.say("CAN_DO_TIMEOUT", "f", "1000")
    job = enqueued("S:1")
    job.attempts = 3
    claim(talk, job)
    assert worker.grab() == "S:1"
    assert talk.tick(0.0, WALL) == 8.0
