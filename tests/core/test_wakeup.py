"""`--worker-wakeup`: a worker that was woken for a job and does not take it has another one woken in its place."""

from __future__ import annotations

from .conversation import Speaker, Talk


def asleep(talk: Talk, *functions: str) -> Speaker:
    worker = talk.worker(*functions)
    assert worker.ask("PRE_SLEEP") == []
    return worker


def woken(*workers: Speaker) -> list[bool]:
    return [worker.heard() == [("NOOP",)] for worker in workers]


def test_a_woken_worker_that_leaves_passes_it_on() -> None:
    talk = Talk(worker_wakeup=1)
    a, b, c = (asleep(talk, "f") for _ in range(3))
    talk.connect().say("SUBMIT_JOB_BG", "f", "", "x")
    assert woken(a, b, c) == [True, False, False]
    a.leave()
    assert woken(b, c) == [True, False]
    b.leave()
    assert woken(c) == [True]
    c.grab()


def test_a_woken_worker_that_gives_up_the_function_passes_it_on() -> None:
    for packet in ("CANT_DO", "f"), ("RESET_ABILITIES",):
        talk = Talk(worker_wakeup=1)
        a, b = asleep(talk, "f", "g"), asleep(talk, "f")
        talk.connect().say("SUBMIT_JOB_BG", "f", "", "x")
        assert woken(a, b) == [True, False]
        a.say("CANT_DO", "g")
        assert woken(b) == [False]
        a.say(*packet)
        assert woken(b) == [True]


def test_a_woken_worker_that_takes_another_job_passes_it_on() -> None:
    talk = Talk(worker_wakeup=1)
    client = talk.connect()
    a, b = asleep(talk, "f", "g"), asleep(talk, "f")
    first = client.submit("SUBMIT_JOB_BG", "f", "", "x")
    urgent = client.submit("SUBMIT_JOB_HIGH_BG", "g", "", "y")
    assert woken(a, b) == [True, False]
    assert a.grab() == urgent
    assert woken(b) == [True]
    assert b.grab() == first


def test_one_wake_up_is_passed_on_where_several_were_woken_and_none_where_the_job_is_taken() -> None:
    talk = Talk(worker_wakeup=2)
    a, b, c, d = (asleep(talk, "f") for _ in range(4))
    talk.connect().say("SUBMIT_JOB_BG", "f", "", "x")
    assert woken(a, b, c, d) == [True, True, False, False]
    a.leave()
    assert woken(c, d) == [True, False]
    b.grab()
    c.leave()
    assert woken(d) == [False]


def test_a_wake_up_is_used_up_by_the_job_or_by_its_absence() -> None:
    talk = Talk(worker_wakeup=1)
    client = talk.connect()
    a, b, c = (asleep(talk, "f") for _ in range(3))
    client.say("SUBMIT_JOB_BG", "f", "", "x")
    client.say("SUBMIT_JOB_BG", "f", "", "y")
    assert woken(a, b, c) == [True, True, False]
    a.grab()
    assert woken(c) == [False], "the second job has a worker that was woken for it"
    a.leave()
    assert woken(c) == [True], "the first job waits again"
    b.grab()
    c.grab()
    b.leave()
    c.leave()


def test_all_are_woken_where_nothing_else_is_said() -> None:
    talk = Talk()
    a, b = asleep(talk, "f"), asleep(talk, "f")
    talk.connect().say("SUBMIT_JOB_BG", "f", "", "x")
    assert woken(a, b) == [True, True]
    assert a.peer.woken is None


def test_a_sleeping_worker_with_other_abilities_is_still_woken() -> None:
    for packet in ("CANT_DO", "f"), ("RESET_ABILITIES",):
        talk = Talk()
        client = talk.connect()
        for waits in (True, False):
            worker = asleep(talk, "f")
            worker.say(*packet)
            if waits:
                client.say("SUBMIT_JOB_BG", "g", "", "x")
                assert worker.ask("CAN_DO", "g") == [("NOOP",)]
                worker.grab()
            else:
                assert worker.ask("CAN_DO", "g") == []
                client.say("SUBMIT_JOB_BG", "g", "", "x")
                assert woken(worker) == [True]
            worker.leave()
            client.line("create function g")
            for line in client.line("show jobs").splitlines()[:-1]:
                client.line(f"cancel job {line.split()[0]}")
