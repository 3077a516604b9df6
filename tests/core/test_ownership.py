"""A server that may have lost its job table: what the store keeps stays where it is, all else goes on."""

from __future__ import annotations

from .conversation import Talk


def talk_with_a_stored_job() -> tuple[Talk, str]:
    talk = Talk(durable=True, claimable=True, owned=True)
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "kept")
    talk.commit()
    return talk, client.heard()[0][1]


def test_in_doubt_only_foreground_jobs_are_given_out_and_no_worker_spins() -> None:
    talk, kept = talk_with_a_stored_job()
    worker, client = talk.worker("g", "f"), talk.connect()
    talk.engine.suspend()
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.ask("PRE_SLEEP") == []
    low = client.submit("SUBMIT_JOB_LOW", "g")
    worker.heard()
    normal = client.submit("SUBMIT_JOB", "f")
    high = client.submit("SUBMIT_JOB_HIGH", "f")
    assert [worker.grab(), worker.grab(), worker.grab()] == [high, normal, low]
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.ask("PRE_SLEEP") == []
    assert client.line("status") == "f\t3\t2\t1\ng\t1\t1\t1\n.\n"
    assert talk.engine.claim_capacity() is None
    talk.engine.resume(10.0)
    talk.flush()
    assert worker.heard() == [("NOOP",)]
    assert worker.grab() == kept


def test_the_running_job_ends_in_doubt_and_a_lost_one_waits() -> None:
    talk, kept = talk_with_a_stored_job()
    worker, other = talk.worker("f"), talk.worker("f")
    assert worker.grab() == kept
    talk.engine.suspend()
    worker.leave()
    assert other.ask("GRAB_JOB") == [("NO_JOB",)]
    talk.engine.resume(10.0)
    assert other.grab() == kept
    talk.engine.suspend()
    other.say("WORK_COMPLETE", kept, "")
    assert talk.engine.lifecycle.queue.jobs == {}


def test_what_was_not_looked_after_for_too_long_is_in_doubt() -> None:
    talk, kept = talk_with_a_stored_job()
    worker = talk.worker("f")
    talk.engine.resume(10.0)
    talk.now = 10.5
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert talk.engine.signals.lease_lost
    talk.engine.resume(13.0)
    assert worker.grab() == kept
