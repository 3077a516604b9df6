"""What the operator's log gets to know of single jobs."""

from __future__ import annotations

from gearbridge.core.incidents import MOST, PAUSE, FailedJob, LostWorker

from .conversation import Talk


def test_a_background_job_that_fails_is_noted_and_a_foreground_job_is_not() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    talk.connect().submit("SUBMIT_JOB", "f")
    worker.ask("WORK_FAIL", worker.grab())
    assert talk.engine.take_incidents() == []
    background = client.submit("SUBMIT_JOB_BG", "f")
    worker.ask("WORK_EXCEPTION", worker.grab(), "boom")
    assert talk.engine.take_incidents() == [([FailedJob(background.encode(), b"f", "boom", 0)], 0)]


def test_a_worker_that_leaves_is_noted_for_each_job_that_goes_on() -> None:
    talk = Talk()
    client, worker, idle = talk.connect(), talk.worker("f"), talk.worker("f")
    handles = [client.submit("SUBMIT_JOB_BG", "f"), client.submit("SUBMIT_JOB", "f")]
    for _ in handles:
        worker.grab()
    idle.leave()
    assert talk.engine.take_incidents() == []
    worker.leave()
    (([*lost], more),) = talk.engine.take_incidents()
    assert [one.handle for one in lost if isinstance(one, LostWorker)] == [handle.encode() for handle in handles]
    assert more == 0


def test_the_first_asks_for_a_tick_and_the_others_wait_for_the_next() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")

    def fail(count: int) -> None:
        for _ in range(count):
            client.submit("SUBMIT_JOB_BG", "f")
            worker.ask("WORK_FAIL", worker.grab())

    def wants_tick() -> bool:
        return talk.engine.signals.wants_tick

    fail(1)
    assert wants_tick()
    assert talk.tick(now=10) == PAUSE
    assert len(talk.engine.take_incidents()) == 1
    fail(MOST + 5)
    assert not wants_tick()
    assert talk.tick(now=10 + PAUSE) == PAUSE
    ((failures, more),) = talk.engine.take_incidents()
    assert (len(failures), more) == (MOST, 5)
    assert talk.tick(now=10 + 2 * PAUSE) is None
    fail(1)
    assert wants_tick()
