"""Unique keys, and connections that go away: where gearmand loses jobs and hangs clients."""

from __future__ import annotations

import pytest

from gearbridge.core.leaving import PART

from .conversation import Talk


def test_the_same_unique_key_is_the_same_job_queued_or_running() -> None:
    talk = Talk()
    client, other, worker = talk.connect(), talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "u", "first")
    assert other.submit("SUBMIT_JOB_HIGH", "f", "u", "second") == handle
    assert worker.ask("GRAB_JOB") == [("JOB_ASSIGN", handle, "f", "first")]
    worker.say("WORK_COMPLETE", handle, "done")
    assert client.heard() == other.heard() == [("WORK_COMPLETE", handle, "done")]
    assert client.submit("SUBMIT_JOB", "f", "u") != handle


def test_each_submit_that_joined_a_job_gets_its_own_packets_on_one_connection_too() -> None:
    # As in gearmand: a client matches them to its requests, and one that got none would wait for ever.
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "u")
    assert client.submit("SUBMIT_JOB", "f", "u") == handle
    assert client.ask("GET_STATUS_UNIQUE", "u")[0][-1] == "2"
    worker.grab()
    worker.say("WORK_COMPLETE", handle, "done")
    assert client.heard() == [("WORK_COMPLETE", handle, "done")] * 2


def test_a_client_that_joined_twice_and_left_is_gone() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.submit("SUBMIT_JOB", "f", "u")
    client.submit("SUBMIT_JOB", "f", "u")
    client.leave()
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


def test_keys_are_per_function_and_an_empty_key_is_none() -> None:
    client = Talk().connect()
    handles = {
        client.submit("SUBMIT_JOB_BG", function, key)
        for function, key in (("f", "u"), ("g", "u"), ("f", ""), ("f", ""))
    }
    assert len(handles) == 4


def test_a_dash_coalesces_on_the_payload() -> None:
    client = Talk().connect()
    first = client.submit("SUBMIT_JOB_BG", "f", "-", "same")
    assert client.submit("SUBMIT_JOB_BG", "f", "-", "same") == first
    assert client.submit("SUBMIT_JOB_BG", "f", "-", "other") != first
    assert client.submit("SUBMIT_JOB_BG", "f", "-", "") != client.submit("SUBMIT_JOB_BG", "f", "-", "")


def test_an_abandoned_foreground_job_is_not_run() -> None:
    # gearmand keeps it in memory for ever where there is no worker.
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.submit("SUBMIT_JOB", "f", "u")
    client.leave()
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.line("status") == "f\t0\t0\t1\n.\n"


@pytest.mark.parametrize("command", ["SUBMIT_JOB", "SUBMIT_JOB_BG"])
def test_the_unique_key_of_an_abandoned_job_is_free_again(command: str) -> None:
    # gearmand: the foreground client hangs for ever, the acknowledged background job is never run.
    talk = Talk()
    abandoned, client, worker = talk.connect(), talk.connect(), talk.worker("f")
    abandoned.submit("SUBMIT_JOB", "f", "u", "old")
    abandoned.leave()
    handle = client.submit(command, "f", "u", "new")
    assert worker.ask("GRAB_JOB") == [("JOB_ASSIGN", handle, "f", "new")]


def test_a_background_job_survives_a_foreground_client_that_joined_and_left() -> None:
    # gearmand: the background job is silently lost.
    talk = Talk()
    submitter, visitor, worker = talk.connect(), talk.connect(), talk.worker("f")
    handle = submitter.submit("SUBMIT_JOB_BG", "f", "u", "work")
    assert visitor.submit("SUBMIT_JOB", "f", "u") == handle
    visitor.leave()
    assert worker.grab() == handle


def test_a_background_submit_that_joins_a_foreground_job_keeps_it_alive() -> None:
    talk = Talk()
    client, submitter, worker = talk.connect(), talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "u")
    assert submitter.submit("SUBMIT_JOB_BG", "f", "u") == handle
    client.leave()
    assert worker.grab() == handle
    worker.leave()
    assert talk.worker("f").grab() == handle


def test_a_lost_workers_jobs_go_to_another_at_the_tail_and_in_order() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    first, second, third = (client.submit("SUBMIT_JOB", "f", "", str(number)) for number in range(3))
    assert [worker.grab(), worker.grab()] == [first, second]
    worker.say("WORK_STATUS", first, "5", "10")
    client.heard()
    worker.leave()
    assert client.heard() == [], "the client is not told"
    assert client.ask("GET_STATUS", first) == [("STATUS_RES", first, "1", "0", "0", "0")]
    successor = talk.worker("f")
    # gearmand gives several lost jobs back in the reverse order of their grab.
    assert [successor.grab() for _ in range(3)] == [third, first, second]


@pytest.mark.parametrize(("retries", "losses"), [(0, 1), (1, 1), (3, 3)])
def test_after_job_retries_losses_the_job_fails(retries: int, losses: int) -> None:
    talk = Talk(job_retries=retries)
    client = talk.connect()
    handle = client.submit("SUBMIT_JOB", "f")
    for _ in range(losses):
        assert client.heard() == []
        worker = talk.worker("f")
        worker.grab()
        worker.leave()
    assert client.heard() == [("WORK_FAIL", handle)]
    assert talk.worker("f").ask("GRAB_JOB") == [("NO_JOB",)]


def test_a_worker_that_can_do_no_more_finishes_what_it_has() -> None:
    # gearmand gives the running job to another at once, and it is done twice.
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f", "g")
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    worker.say("RESET_ABILITIES")
    assert talk.worker("f").ask("GRAB_JOB") == [("NO_JOB",)]
    worker.say("WORK_COMPLETE", handle, "yes")
    assert client.heard() == [("WORK_COMPLETE", handle, "yes")]
    client.say("SUBMIT_JOB_BG", "g", "", "")
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


def test_cant_do_takes_one_function_away() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f", "g")
    worker.say("CANT_DO", "f")
    worker.say("CANT_DO", "never")
    client.submit("SUBMIT_JOB_BG", "f")
    handle = client.submit("SUBMIT_JOB_BG", "g")
    assert worker.grab() == handle
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


def test_a_worker_that_leaves_asleep_is_not_woken() -> None:
    talk = Talk()
    worker = talk.worker("f")
    worker.say("PRE_SLEEP")
    worker.leave()
    talk.connect().submit("SUBMIT_JOB_BG", "f")
    assert worker.heard() == []


def test_many_abandoned_jobs_leave_no_trace() -> None:
    talk = Talk()
    keeper, leaver = talk.connect(), talk.connect()
    kept = keeper.submit("SUBMIT_JOB", "f", "", "kept")
    for _ in range(5000):
        leaver.say("SUBMIT_JOB", "f", "", "gone")
    leaver.leave()
    assert keeper.line("prioritystatus") == "f\t0\t1\t0\t0\n.\n"
    assert len(talk.engine.lifecycle.queue.functions[b"f"].ready[1]) < 2500, "they do not wait for a worker to come"
    worker = talk.worker("f")
    assert worker.grab() == kept
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


def test_a_client_of_very_many_jobs_leaves_a_part_of_them_at_a_time() -> None:
    talk = Talk()
    client, other, worker = talk.connect(), talk.connect(), talk.worker("f")
    for number in range(PART + 10):
        client.submit("SUBMIT_JOB", "f", f"key{number}")
    shared = other.submit("SUBMIT_JOB", "f", f"key{PART + 5}")
    client.leave()
    while talk.tick() == 0.0:
        pass
    assert list(talk.engine.lifecycle.queue.jobs) == [shared.encode()]
    assert worker.grab() == shared
