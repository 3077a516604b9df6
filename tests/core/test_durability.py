"""Background jobs over a durable store: nothing is acknowledged, or seen by a worker, before its commit."""

from __future__ import annotations

from gearbridge.records import Drop, Put, StoredJob, Update

from .conversation import Talk


def kinds(group: object) -> list[str]:
    return [type(operation).__name__ for operation in group]  # type: ignore[attr-defined]


def test_a_background_job_is_nobodys_before_its_commit() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    worker.say("PRE_SLEEP")
    assert client.ask("SUBMIT_JOB_BG", "f", "", "x") == []
    assert worker.heard() == []
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    worker.say("PRE_SLEEP")
    assert kinds(talk.commit()) == ["Put"]
    assert client.heard() == [("JOB_CREATED", "H:test:1")]
    assert worker.heard() == [("NOOP",)]
    assert worker.grab() == "H:test:1"


def test_a_foreground_job_waits_for_no_store() -> None:
    talk = Talk(durable=True)
    client = talk.connect()
    client.submit("SUBMIT_JOB", "f")
    assert not talk.engine.journal


def test_a_held_reply_holds_what_is_behind_it_on_its_peer_only() -> None:
    talk = Talk(durable=True)
    client, other = talk.connect(), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    client.say("ECHO_REQ", "behind")
    client.say("SUBMIT_JOB", "f", "", "2")
    assert client.heard() == []
    assert other.ask("ECHO_REQ", "free") == [("ECHO_RES", "free")]
    talk.commit()
    assert client.heard() == [("JOB_CREATED", "H:test:1"), ("ECHO_RES", "behind"), ("JOB_CREATED", "H:test:2")]


def test_a_later_group_is_waited_for_again() -> None:
    talk = Talk(durable=True)
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    group = talk.begin_commit()
    client.say("SUBMIT_JOB_BG", "f", "", "2")
    client.say("ECHO_REQ", "behind both")
    talk.end_commit(group)
    assert client.heard() == [("JOB_CREATED", "H:test:1")]
    talk.commit()
    assert client.heard() == [("JOB_CREATED", "H:test:2"), ("ECHO_RES", "behind both")]


def test_an_end_is_dropped_from_the_store() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    for command, args in (("WORK_COMPLETE", ("",)), ("WORK_FAIL", ()), ("WORK_EXCEPTION", ("",))):
        client.say("SUBMIT_JOB_BG", "f", "", "")
        talk.commit()
        handle = worker.grab()
        worker.say(command, handle, *args)
        assert talk.commit() == [Drop(handle.encode())]


def test_a_loss_is_written() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "", "")
    talk.commit()
    handle = worker.grab()
    worker.leave()
    assert talk.commit() == [Update(handle.encode(), 1)]


def test_a_refused_job_is_an_error_for_its_submitter_alone() -> None:
    talk = Talk(durable=True)
    client, other, worker = talk.connect(), talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "", "bad")
    other.say("SUBMIT_JOB_BG", "f", "", "good")
    talk.commit({0: "disk full"})
    assert client.heard() == [("ERROR", "QUEUE_ERROR", "disk full")]
    assert other.heard() == [("JOB_CREATED", "H:test:2")]
    assert worker.grab() == "H:test:2"
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert worker.line("status") == "f\t1\t1\t1\n.\n"


def test_who_joins_before_the_commit_waits_for_it_too() -> None:
    talk = Talk(durable=True)
    client, twin, foreground = talk.connect(), talk.connect(), talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "u", "x")
    twin.say("SUBMIT_JOB_BG", "f", "u", "x")
    foreground.say("SUBMIT_JOB", "f", "u", "x")
    assert client.heard() == twin.heard() == foreground.heard() == []
    assert kinds(talk.commit()) == ["Put"]
    assert client.heard() == twin.heard() == foreground.heard() == [("JOB_CREATED", "H:test:1")]


def test_all_who_joined_a_refused_job_are_told() -> None:
    talk = Talk(durable=True)
    client, foreground, worker = talk.connect(), talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "u", "x")
    foreground.say("SUBMIT_JOB", "f", "u", "x")
    talk.commit({0: "no"})
    assert client.heard() == foreground.heard() == [("ERROR", "QUEUE_ERROR", "no")]
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    foreground.leave()  # nothing of the refused job is left on it


def test_a_foreground_job_that_becomes_background_is_acknowledged_when_durable() -> None:
    # gearmand acknowledges at once and has it in memory only.
    talk = Talk(durable=True)
    client, submitter, worker = talk.connect(), talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "u")
    worker.grab()
    assert submitter.ask("SUBMIT_JOB_BG", "f", "u", "") == []
    late = talk.connect()
    assert late.submit("SUBMIT_JOB", "f", "u") == handle, "a foreground client need not wait for the store"
    talk.commit()
    assert submitter.heard() == [("JOB_CREATED", handle)]
    worker.say("WORK_COMPLETE", handle, "r")
    assert client.heard() == late.heard() == [("WORK_COMPLETE", handle, "r")]
    assert talk.commit() == [Drop(handle.encode())]


def test_a_job_that_ends_before_its_commit_is_dropped_after_it() -> None:
    talk = Talk(durable=True)
    client, submitter, worker = talk.connect(), talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "u")
    worker.grab()
    submitter.say("SUBMIT_JOB_BG", "f", "u", "")
    worker.say("WORK_COMPLETE", handle, "r")
    assert kinds(talk.commit()) == ["Put", "Drop"]
    assert submitter.heard() == [("JOB_CREATED", handle)]
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]


def test_a_refused_promotion_leaves_the_foreground_job_alone() -> None:
    talk = Talk(durable=True)
    client, submitter, worker = talk.connect(), talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f", "u")
    submitter.say("SUBMIT_JOB_BG", "f", "u", "")
    talk.commit({0: "no"})
    assert submitter.heard() == [("ERROR", "QUEUE_ERROR", "no")]
    assert worker.grab() == handle
    worker.say("WORK_COMPLETE", handle, "r")
    assert client.heard() == [("WORK_COMPLETE", handle, "r")]


def test_a_submitter_that_leaves_before_the_commit_leaves_its_job() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "", "x")
    client.leave()
    talk.commit()
    assert client.arrived == b""
    assert worker.grab() == "H:test:1"


def test_restored_jobs_have_their_order_priority_handle_and_attempts() -> None:
    talk = Talk(durable=True, job_retries=2, first_number=100)
    count = talk.engine.restore(
        [
            StoredJob(b"H:old:1", b"f", b"one", b"u", 1, 0, 1),
            StoredJob(b"H:old:2", b"f", b"two", b"", 0),
            StoredJob(b"H:old:3", b"f", b"three", b"", 1),
        ],
        0.0,
    )
    assert count == 3
    assert not talk.engine.journal, "they are in the store already"
    client, worker = talk.connect(), talk.worker("f")
    assert client.ask("GET_STATUS", "H:old:3") == [("STATUS_RES", "H:old:3", "1", "0", "0", "0")]
    assert client.ask("SUBMIT_JOB_BG", "f", "u", "again") == [("JOB_CREATED", "H:old:1")]
    assert [worker.grab() for _ in range(3)] == ["H:old:2", "H:old:1", "H:old:3"]
    worker.leave()
    assert client.ask("GET_STATUS", "H:old:1")[0][2] == "0", "its second loss was the last allowed"
    assert Drop(b"H:old:1") in talk.commit()
    client.say("SUBMIT_JOB_BG", "f", "", "")
    assert [put.job.handle for put in talk.commit() if isinstance(put, Put)] == [b"H:test:100"]


def test_the_journals_size_counts_what_waits() -> None:
    talk = Talk(durable=True)
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", b"x" * 1000)
    waiting = talk.engine.journal.size
    assert waiting > 1000
    group = talk.begin_commit()
    assert talk.engine.journal.size == waiting, "still in memory while it is being written"
    client.say("SUBMIT_JOB_BG", "f", "", b"")
    talk.end_commit(group)
    assert 0 < talk.engine.journal.size < 1000
    talk.commit()
    assert talk.engine.journal.size == 0
