"""Jobs that SQL enqueued: claimed as there is room, and settled by what their worker says."""

from __future__ import annotations

import pytest

from gearbridge.core import enqueued as enqueued_jobs
from gearbridge.core.claims import CLAIM_WINDOW
from gearbridge.records import ClaimedJob, Done, Drop, Failed, Operation, Progress, Retry, Update

from .conversation import Speaker, Talk


def enqueued(
    handle: str, *, unique_key: bytes = b"", due: int = 0, max_attempts: int = 0, keep: bool = False
) -> ClaimedJob:
    job = ClaimedJob(handle.encode(), b"f", b"payload", unique_key, due=due)
    job.max_attempts = max_attempts
    job.keep_result = keep
    job.enqueued = None
    return job


def of_g(handle: str) -> ClaimedJob:
    job = enqueued(handle)
    job.function = b"g"
    return job


def claim(talk: Talk, *jobs: ClaimedJob) -> None:
    talk.engine.claimed(jobs, talk.now)
    talk.flush()


def running(talk: Talk, job: ClaimedJob) -> Speaker:
    """A worker that has this job in hand."""
    worker = talk.worker("f")
    claim(talk, job)
    assert worker.grab() == job.handle.decode()
    return worker


def wants_claim(talk: Talk) -> bool:
    return talk.engine.signals.wants_claim


def settled(talk: Talk) -> list[Operation]:
    return list(talk.commit())


def test_there_is_room_for_functions_with_a_worker_only() -> None:
    talk = Talk(durable=True)
    assert talk.engine.claim_capacity() is None
    talk.connect().submit("SUBMIT_JOB", "g")
    worker = talk.worker("f")
    assert wants_claim(talk)
    assert talk.engine.claim_capacity() == {b"f": CLAIM_WINDOW}
    assert not wants_claim(talk)
    talk.worker("f")
    assert not wants_claim(talk)  # the second worker brings no new room
    claim(talk, enqueued("S:1"))
    assert talk.engine.claim_capacity() == {b"f": CLAIM_WINDOW - 1}
    worker.leave()


def test_more_is_claimed_when_half_of_a_full_window_is_done() -> None:
    talk = Talk(durable=True)
    worker = talk.worker("f")
    claim(talk, *(enqueued(f"S:{number}") for number in range(CLAIM_WINDOW)))
    assert talk.engine.claim_capacity() is None
    for done in range(1, CLAIM_WINDOW // 2 + 1):
        worker.say("WORK_COMPLETE", worker.grab(), "")
        assert talk.engine.signals.wants_claim == (done == CLAIM_WINDOW // 2)
    assert talk.engine.claim_capacity() == {b"f": CLAIM_WINDOW // 2}


def test_a_claimed_job_wakes_a_worker_and_is_done_by_it() -> None:
    talk = Talk(durable=True)
    worker = talk.worker("f")
    worker.say("PRE_SLEEP")
    claim(talk, enqueued("S:1"))
    assert worker.heard() == [("NOOP",)]
    assert worker.ask("GRAB_JOB") == [("JOB_ASSIGN", "S:1", "f", "payload")]
    assert talk.connect().ask("GET_STATUS", "S:1") == [("STATUS_RES", "S:1", "1", "1", "0", "0")]
    worker.say("WORK_COMPLETE", "S:1", "result")
    assert settled(talk) == [Drop(b"S:1")]


def test_a_result_is_kept_where_it_was_asked_for_with_the_data_before_it() -> None:
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:1", keep=True))
    worker.say("WORK_DATA", "S:1", "one ")
    worker.say("WORK_STATUS", "S:1", "1", "3")
    worker.say("WORK_STATUS", "S:1", "2", "3")
    worker.say("WORK_DATA", "S:1", "two ")
    worker.say("WORK_COMPLETE", "S:1", "three")
    assert settled(talk) == [Progress(b"S:1", 2, 3), Done(b"S:1", b"one two three")]


def test_what_a_lost_worker_sent_is_no_part_of_the_result() -> None:
    talk = Talk(durable=True)
    lost = running(talk, enqueued("S:1", keep=True))
    lost.say("WORK_DATA", "S:1", "half ")
    lost.leave()
    talk.commit()
    worker = talk.worker("f")
    worker.grab()
    worker.say("WORK_DATA", "S:1", "all of ")
    worker.say("WORK_COMPLETE", "S:1", "it")
    assert settled(talk) == [Done(b"S:1", b"all of it")]


def test_a_result_that_gets_too_large_to_be_kept_fails_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueued_jobs, "MAX_RESULT", 10)
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:1", keep=True, max_attempts=3))
    for _ in range(3):
        worker.say("WORK_DATA", "S:1", "12345")
    worker.say("WORK_COMPLETE", "S:1", "6")
    assert settled(talk) == [Failed(b"S:1", 1, "the result of 16 bytes is over 10, which is what can be kept")]
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:2", keep=True))
    worker.say("WORK_DATA", "S:2", "1234567890")
    worker.say("WORK_COMPLETE", "S:2", "6")
    assert settled(talk) == [Done(b"S:2", b"12345678906")]


def test_progress_of_the_next_group_is_a_new_word() -> None:
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:1"))
    worker.say("WORK_STATUS", "S:1", "1", "3")
    assert settled(talk) == [Progress(b"S:1", 1, 3)]
    worker.say("WORK_STATUS", "S:1", "2", "3")
    assert settled(talk) == [Progress(b"S:1", 2, 3)]


@pytest.mark.parametrize(
    ("packet", "error"),
    [(("WORK_FAIL", "S:1"), "the worker said that the job failed"), (("WORK_EXCEPTION", "S:1", "boom"), "boom")],
)
def test_a_failed_attempt_is_tried_again_until_it_was_often_enough(packet: tuple[str, ...], error: str) -> None:
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:1", max_attempts=2))
    worker.say(*packet)
    assert settled(talk) == [Retry(b"S:1", 1, error)]
    again = enqueued("S:1", max_attempts=2)
    again.attempts = 1
    claim(talk, again)
    assert worker.grab() == "S:1"
    worker.say(*packet)
    assert settled(talk) == [Failed(b"S:1", 2, error)]


def test_a_warning_ahead_of_a_failure_is_its_reason() -> None:
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:1"))
    worker.say("WORK_WARNING", "S:1", "first")
    worker.say("WORK_WARNING", "S:1", "the disk is on fire")
    worker.say("WORK_FAIL", "S:1")
    assert settled(talk) == [Failed(b"S:1", 1, "the disk is on fire")]
    claim(talk, enqueued("S:2"))
    worker.grab()
    worker.say("WORK_FAIL", "S:2")
    assert settled(talk) == [Failed(b"S:2", 1, "the worker said that the job failed")], "that was of another job"


def test_a_time_out_is_the_reason_of_a_failure() -> None:
    talk = Talk(durable=True, job_retries=1)
    worker = talk.connect()
    worker.say("CAN_DO_TIMEOUT", "f", "2000")
    claim(talk, enqueued("S:1"))
    worker.grab()
    talk.tick(now=0)
    talk.tick(now=2)
    assert settled(talk) == [Failed(b"S:1", 1, "its worker did not end it within its time-out of 2 s")]


def test_without_max_attempts_one_failure_is_the_end() -> None:
    talk = Talk(durable=True)
    worker = running(talk, enqueued("S:1"))
    worker.say("WORK_FAIL", "S:1")
    assert settled(talk) == [Failed(b"S:1", 1, "the worker said that the job failed")]


def test_a_lost_worker_is_an_attempt_too() -> None:
    talk = Talk(durable=True)
    running(talk, enqueued("S:1", max_attempts=2)).leave()
    assert settled(talk) == [Update(b"S:1", 1)]
    worker = talk.worker("f")
    assert worker.grab() == "S:1"
    worker.leave()
    assert settled(talk) == [Failed(b"S:1", 2, "its worker was lost")]


def test_without_max_attempts_lost_workers_count_as_the_server_is_set() -> None:
    talk = Talk(durable=True, job_retries=1)
    running(talk, enqueued("S:1")).leave()
    assert settled(talk) == [Failed(b"S:1", 1, "its worker was lost")]


def test_a_cancelled_job_is_forgotten() -> None:
    talk = Talk(durable=True)
    claim(talk, enqueued("S:1", max_attempts=5))
    assert talk.connect().line("cancel job S:1") == "OK\r\n"
    assert settled(talk) == [Drop(b"S:1")]


def test_a_foreground_client_may_wait_for_an_enqueued_job() -> None:
    talk = Talk(durable=True)
    claim(talk, enqueued("S:1", unique_key=b"key"))
    client, worker = talk.connect(), talk.worker("f")
    assert client.submit("SUBMIT_JOB", "f", "key") == "S:1"
    worker.grab()
    worker.say("WORK_COMPLETE", "S:1", "result")
    assert client.heard() == [("WORK_COMPLETE", "S:1", "result")]


def test_an_enqueued_job_stands_beside_one_over_a_socket_with_its_unique_key() -> None:
    talk = Talk(durable=True)
    client = talk.connect()
    own = client.submit("SUBMIT_JOB", "f", "key")
    claim(talk, enqueued("S:1", unique_key=b"key"))
    worker = talk.worker("f")
    assert {worker.grab(), worker.grab()} == {own, "S:1"}
    worker.say("WORK_COMPLETE", "S:1", "")
    assert talk.connect().submit("SUBMIT_JOB", "f", "key") == own


def test_a_job_that_is_claimed_twice_is_one() -> None:
    talk = Talk(durable=True)
    claim(talk, enqueued("S:1"), enqueued("S:1"))
    assert talk.connect().line("status") == "f\t1\t0\t0\n.\n"


def test_a_claimed_job_is_not_given_out_before_its_time() -> None:
    talk = Talk(durable=True)
    worker = talk.worker("f")
    claim(talk, enqueued("S:1", due=100))
    assert talk.engine.signals.wants_tick
    assert talk.tick(0, 98) == 2
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    talk.tick(2, 100)
    assert worker.grab() == "S:1"


def test_more_is_claimed_when_half_of_the_windows_bytes_are_done() -> None:
    talk = Talk(durable=True, window_bytes=100)
    workers = talk.worker("f"), talk.worker("g")
    assert talk.engine.claim_capacity() == {b"f": CLAIM_WINDOW, b"g": CLAIM_WINDOW}
    assert talk.engine.capacity_in_bytes() == 100
    claim(talk, *(enqueued(f"S:{number}") for number in range(10)))  # of 7 bytes
    assert talk.engine.capacity_in_bytes() == 1, "one job at a time"
    assert talk.engine.claim_capacity() == {b"g": 1}, "and none of a function that has some"
    for done in range(1, 4):
        assert not wants_claim(talk)
        workers[0].say("WORK_COMPLETE", workers[0].grab(), "")
        assert wants_claim(talk) == (done == 3)
    assert talk.engine.capacity_in_bytes() == 51
    assert talk.engine.claim_capacity() == {b"f": CLAIM_WINDOW - 7, b"g": CLAIM_WINDOW}


def test_a_function_whose_only_job_is_large_gets_the_next_one() -> None:
    talk = Talk(durable=True, window_bytes=10)
    worker = talk.worker("f")
    other = talk.worker("g")
    claim(talk, enqueued("S:1"), of_g("S:2"), of_g("S:3"))
    talk.engine.claim_capacity()
    worker.say("WORK_COMPLETE", worker.grab(), "")
    assert wants_claim(talk)
    assert talk.engine.claim_capacity() == {b"f": 1}
    other.leave()
