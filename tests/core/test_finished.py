"""A bridge that lost the reply submits a job again that is done already: it is not done twice."""

from __future__ import annotations

from gearbridge.core import recently_completed as finished
from gearbridge.core.jobs import Job
from gearbridge.core.recently_completed import RecentlyCompleted
from gearbridge.wire.commands import OPTION_ONCE

from .conversation import Speaker, Talk


def bridge(talk: Talk) -> Speaker:
    speaker = talk.connect()
    speaker.say("OPTION_REQ", OPTION_ONCE.decode())
    assert speaker.heard() == [("OPTION_RES", OPTION_ONCE.decode())]
    return speaker


def submit(speaker: Speaker, unique_key: str, command: str = "SUBMIT_JOB_BG") -> str:
    speaker.say(command, "f", unique_key, "payload")
    (reply,) = speaker.heard()
    assert reply[0] == "JOB_CREATED"
    return reply[1]


def test_a_done_job_is_acknowledged_under_its_handle_and_not_done_again() -> None:
    talk = Talk()
    worker = talk.worker("f")
    handle = submit(bridge(talk), "S:1")
    assert worker.grab() == handle
    worker.say("WORK_COMPLETE", handle, "")
    assert submit(bridge(talk), "S:1") == handle
    worker.say("GRAB_JOB")
    assert worker.heard() == [("NO_JOB",)]


def test_whoever_did_not_ask_for_it_and_whoever_waits_for_the_result_has_it_done_again() -> None:
    talk = Talk()
    worker = talk.worker("f")
    for speaker, command in ((talk.connect(), "SUBMIT_JOB_BG"), (bridge(talk), "SUBMIT_JOB")):
        first = submit(speaker, "S:1", command)
        assert worker.grab() == first
        worker.say("WORK_COMPLETE", first, "")
        speaker.heard()
    assert submit(talk.connect(), "S:1") != first
    assert submit(bridge(talk), "other") != submit(bridge(talk), "another")


def test_only_the_last_are_remembered_however_many_there_were() -> None:
    memory = RecentlyCompleted()
    count = 2 * finished.REMEMBERED + 10
    for number in range(count):
        memory.remember(Job(b"H:%d" % number, b"f", b"", b"S:%d" % number))
    known = [number for number in range(count) if memory.find(b"f", b"S:%d" % number)]
    assert finished.REMEMBERED <= len(known) <= 2 * finished.REMEMBERED
    assert known == list(range(count - len(known), count))
    memory.remember(Job(b"H:x", b"f", b"", b"x"))
    assert memory.find(b"f", b"x") is None, "only what SQL enqueued"
