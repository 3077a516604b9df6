"""A job's trace in the engine: who says it, who hears it, and that nobody else sees anything of it."""

from __future__ import annotations

import pytest

from gearbridge.records import Put
from tests.core.conversation import Talk
from tests.test_traces import TRACE

SAID = f"trace={TRACE}"
TOLD = ("OPTION_RES", SAID)


def test_who_asks_hears_the_trace_before_the_job() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    assert worker.ask("OPTION_REQ", "trace") == [("OPTION_RES", "trace")]
    assert client.ask("OPTION_REQ", SAID) == [TOLD]
    traced = client.submit("SUBMIT_JOB_BG", "f", "key", "one")
    plain = client.submit("SUBMIT_JOB_BG", "f", "", "two")
    assert worker.ask("GRAB_JOB_UNIQ") == [TOLD, ("JOB_ASSIGN_UNIQ", traced, "f", "key", "one")]
    assert worker.ask("GRAB_JOB_UNIQ") == [("JOB_ASSIGN_UNIQ", plain, "f", "", "two")]


@pytest.mark.parametrize(
    ("grab", "answer"),
    [
        ("GRAB_JOB", ("JOB_ASSIGN", "H:test:1", "f", "payload")),
        ("GRAB_JOB_UNIQ", ("JOB_ASSIGN_UNIQ", "H:test:1", "f", "key", "payload")),
        ("GRAB_JOB_ALL", ("JOB_ASSIGN_UNIQ", "H:test:1", "f", "key", "payload")),
    ],
)
def test_who_does_not_ask_sees_the_job_as_ever(grab: str, answer: tuple[str, ...]) -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.ask("OPTION_REQ", SAID)
    client.submit("SUBMIT_JOB", "f", "key", "payload")
    assert worker.ask(grab) == [answer]


def test_a_reducer_stays_what_it_is() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    worker.ask("OPTION_REQ", "trace")
    client.ask("OPTION_REQ", SAID)
    client.say("SUBMIT_REDUCE_JOB_BACKGROUND", "f", "key", "sum", "", "payload")
    assert worker.ask("GRAB_JOB_ALL") == [TOLD, ("JOB_ASSIGN_ALL", "H:test:1", "f", "key", "sum", "payload")]


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("SUBMIT_JOB_BG", ("f", "key", "")),  # joins the one that is there
        ("SUBMIT_JOB_BG", ("f", "k" * 256, "")),
        ("SUBMIT_JOB_EPOCH", ("f", "", "soon", "")),
        ("SUBMIT_JOB_SCHED", ("f", "", "61", "", "", "", "", "")),
        ("SUBMIT_REDUCE_JOB", ("f", "", "r" * 513, "", "")),
    ],
)
def test_it_is_of_the_next_submission_only_whatever_becomes_of_that(command: str, args: tuple[str, ...]) -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    worker.ask("OPTION_REQ", "trace")
    client.submit("SUBMIT_JOB_BG", "f", "key")
    client.ask("OPTION_REQ", SAID)
    client.say(command, *args)
    client.heard()
    other = client.submit("SUBMIT_JOB_BG", "f", "other")
    assert worker.ask("GRAB_JOB_UNIQ") == [("JOB_ASSIGN_UNIQ", "H:test:1", "f", "key", "")], "the first one's is kept"
    assert worker.ask("GRAB_JOB_UNIQ") == [("JOB_ASSIGN_UNIQ", other, "f", "other", "")]


@pytest.mark.parametrize("command", ["SUBMIT_JOB_EPOCH", "SUBMIT_JOB_SCHED"])
def test_a_job_for_later_keeps_it(command: str) -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    worker.ask("OPTION_REQ", "trace")
    client.ask("OPTION_REQ", SAID)
    client.say(command, "f", "", *(["60"] if command == "SUBMIT_JOB_EPOCH" else ["1", "", "", "", ""]), "")
    talk.tick(0.0, 0.0)
    talk.tick(61.0, 61.0)
    assert worker.ask("GRAB_JOB_UNIQ")[0] == TOLD


def test_what_is_none_is_an_error_and_changes_nothing() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    worker.ask("OPTION_REQ", "trace")
    ((name, code, _),) = client.ask("OPTION_REQ", f"trace={TRACE.upper()}")
    assert (name, code) == ("ERROR", "INVALID_ARGUMENT")
    client.submit("SUBMIT_JOB_BG", "f")
    assert [reply[0] for reply in worker.ask("GRAB_JOB_UNIQ")] == ["JOB_ASSIGN_UNIQ"]


def test_it_is_stored_and_told_again_after_a_lost_worker_and_a_restart() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    worker.ask("OPTION_REQ", "trace")
    client.ask("OPTION_REQ", SAID)
    client.say("SUBMIT_JOB_BG", "f", "", "payload")
    (put,) = talk.commit()
    assert isinstance(put, Put)
    assert worker.ask("GRAB_JOB_UNIQ")[0] == TOLD
    worker.leave()
    second = talk.worker("f")
    second.ask("OPTION_REQ", "trace")
    assert second.ask("GRAB_JOB_UNIQ")[0] == TOLD

    later = Talk(durable=True)
    later.engine.restore([put.job], 0.0)
    third = later.worker("f")
    third.ask("OPTION_REQ", "trace")
    assert third.ask("GRAB_JOB_UNIQ")[0] == TOLD
