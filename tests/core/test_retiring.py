"""A server that is about to end: what it still gives out, and when it may go."""

from __future__ import annotations

from .conversation import Talk


def test_stored_jobs_are_left_and_the_running_one_is_waited_for() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    for payload in "ab":
        client.say("SUBMIT_JOB_BG", "f", "", payload)
    talk.commit()
    running, left = (handle for _, handle in client.heard())
    assert worker.grab() == running
    talk.engine.drain()
    assert not talk.engine.is_idle()
    worker.say("WORK_COMPLETE", running, "")
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    worker.say("PRE_SLEEP")
    assert worker.heard() == [], "a NOOP would make the worker spin"
    assert talk.engine.is_idle()
    assert client.ask("GET_STATUS", left) == [("STATUS_RES", left, "1", "0", "0", "0")]
    assert client.line("status") == "f\t1\t0\t1\n.\n"
    assert client.line("prioritystatus") == "f\t0\t0\t0\t1\n.\n"


def test_a_job_that_is_in_memory_only_is_still_done() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f")
    talk.engine.drain()
    assert not talk.engine.is_idle()
    assert worker.grab() == handle
    assert not talk.engine.is_idle()
    worker.say("WORK_COMPLETE", handle, "done")
    assert client.heard() == [("WORK_COMPLETE", handle, "done")]
    assert talk.engine.is_idle()


def test_without_a_store_every_job_is_waited_for() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    handles = [client.submit("SUBMIT_JOB_BG", "f") for _ in range(3)]
    talk.engine.drain()
    for handle in handles:
        assert not talk.engine.is_idle()
        assert worker.grab() == handle
        worker.say("WORK_COMPLETE", handle, "")
    assert talk.engine.is_idle()


def test_what_comes_in_meanwhile_is_acknowledged_and_left() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    talk.engine.drain()
    client.say("SUBMIT_JOB_BG", "f", "", "")
    talk.commit()
    assert client.heard()[0][0] == "JOB_CREATED"
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert talk.engine.is_idle()


def test_a_job_whose_worker_is_lost_is_left_one_attempt_older() -> None:
    talk = Talk(durable=True)
    client, worker, other = talk.connect(), talk.worker("f"), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "", "")
    talk.commit()
    client.heard()
    handle = worker.grab()
    talk.engine.drain()
    worker.leave()
    assert other.ask("GRAB_JOB") == [("NO_JOB",)]
    assert talk.engine.is_idle()
    assert [type(operation).__name__ for operation in talk.commit()] == ["Update"]
    assert client.line(f"cancel job {handle}") == "OK\r\n"
    assert client.line("status") == "f\t0\t0\t1\n.\n"


def test_a_job_due_later_is_left() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_EPOCH", "f", "", "100", "")
    talk.commit()
    talk.engine.drain()
    talk.tick(wall=200)
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert talk.engine.is_idle()
