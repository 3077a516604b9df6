"""A connection's foreground jobs stay behind the background jobs that it submitted before them, stored or not yet."""

from __future__ import annotations

from .conversation import Speaker, Talk


def payloads(worker: Speaker) -> list[str]:
    """What the worker is given until there is nothing more."""
    given: list[str] = []
    while (reply := worker.ask("GRAB_JOB")[-1])[0] == "JOB_ASSIGN":
        given.append(reply[3])
    return given


def test_a_foreground_job_waits_for_the_background_job_before_it() -> None:
    talk = Talk(durable=True)
    worker, client = talk.worker("f"), talk.connect()
    client.say("SUBMIT_JOB", "f", "", "1")
    client.say("SUBMIT_JOB_BG", "f", "", "2")
    client.say("SUBMIT_JOB", "f", "", "3")
    client.say("SUBMIT_JOB_BG", "f", "", "4")
    client.say("SUBMIT_JOB", "f", "", "5")
    assert payloads(worker) == ["1"]
    worker.say("PRE_SLEEP")
    talk.commit()
    assert worker.heard() == [("NOOP",)]
    assert payloads(worker) == ["2", "3", "4", "5"]
    assert [name for name, *_ in client.heard()] == ["JOB_CREATED"] * 5


def test_over_several_commit_groups() -> None:
    talk = Talk(durable=True)
    worker, client = talk.worker("f"), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    client.say("SUBMIT_JOB", "f", "", "2")
    group = talk.begin_commit()
    client.say("SUBMIT_JOB_BG", "f", "", "3")
    client.say("SUBMIT_JOB", "f", "", "4")
    talk.end_commit(group)
    assert payloads(worker) == ["1", "2"]
    talk.commit()
    assert payloads(worker) == ["3", "4"]


def test_others_and_other_functions_do_not_wait() -> None:
    talk = Talk(durable=True)
    worker, client, other = talk.worker("f", "g"), talk.connect(), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "stored")
    client.say("SUBMIT_JOB", "g", "", "another function")
    other.say("SUBMIT_JOB", "f", "", "another connection")
    assert sorted(payloads(worker)) == ["another connection", "another function"]
    assert [reply[0] for reply in other.heard()] == ["JOB_CREATED"]
    assert client.heard() == []
    talk.commit()
    assert payloads(worker) == ["stored"]


def test_a_refusal_and_a_cancel_let_it_go_on() -> None:
    talk = Talk(durable=True)
    worker, client = talk.worker("f"), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    client.say("SUBMIT_JOB", "f", "", "2")
    talk.commit({0: "no room"})
    assert payloads(worker) == ["2"]
    assert [reply[0] for reply in client.heard()] == ["ERROR", "JOB_CREATED"]
    client.say("SUBMIT_JOB_BG", "f", "", "3")
    client.say("SUBMIT_JOB", "f", "", "4")
    cancelled = next(iter(job.handle for job in talk.engine.lifecycle.queue.jobs.values() if job.payload == b"3"))
    assert talk.connect().line(f"cancel job {cancelled.decode()}") == "OK\r\n"
    talk.commit()
    assert payloads(worker) == ["4"]


def test_who_leaves_takes_the_job_along() -> None:
    talk = Talk(durable=True)
    worker, client, other = talk.worker("f"), talk.connect(), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    client.say("SUBMIT_JOB", "f", "key", "2")
    client.say("SUBMIT_JOB", "f", "", "3")
    other.say("SUBMIT_JOB_BG", "f", "key", "joins the second")
    client.leave()
    talk.commit()
    assert payloads(worker) == ["1", "2"]
    assert [reply[0] for reply in other.heard()] == ["JOB_CREATED"]
    assert not talk.engine.lifecycle.order.followers


def test_a_server_that_retires_does_what_waits_for_the_store() -> None:
    talk = Talk(durable=True)
    worker, client = talk.worker("f"), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "left to the next server")
    client.say("SUBMIT_JOB", "f", "", "in memory only")
    talk.engine.drain()
    assert not talk.engine.is_idle()
    talk.commit()
    assert not talk.engine.is_idle()
    assert payloads(worker) == ["in memory only"]
