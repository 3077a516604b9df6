"""Submitting and working: packets of clients and workers, as gearmand's clients see them."""

from __future__ import annotations

import pytest

from gearbridge.core.settings import FORGET_AT

from .conversation import Talk


@pytest.mark.parametrize(
    ("grab", "assigned"),
    [
        ("GRAB_JOB", ("JOB_ASSIGN", "H:test:1", "reverse", "hello")),
        ("GRAB_JOB_UNIQ", ("JOB_ASSIGN_UNIQ", "H:test:1", "reverse", "u1", "hello")),
        ("GRAB_JOB_ALL", ("JOB_ASSIGN_UNIQ", "H:test:1", "reverse", "u1", "hello")),
    ],
)
def test_a_foreground_job(grab: str, assigned: tuple[str, ...]) -> None:
    talk = Talk()
    worker = talk.worker("reverse")
    assert worker.ask(grab) == [("NO_JOB",)]
    client = talk.connect()
    assert client.ask("SUBMIT_JOB", "reverse", "u1", "hello") == [("JOB_CREATED", "H:test:1")]
    assert worker.ask(grab) == [assigned]
    worker.say("WORK_STATUS", "H:test:1", "1", "2")
    worker.say("WORK_DATA", "H:test:1", b"part\0")
    worker.say("WORK_WARNING", "H:test:1", "careful")
    worker.say("WORK_COMPLETE", "H:test:1", "olleh")
    assert worker.heard() == []
    assert client.heard() == [
        ("WORK_STATUS", "H:test:1", "1", "2"),
        ("WORK_DATA", "H:test:1", "part\0"),
        ("WORK_WARNING", "H:test:1", "careful"),
        ("WORK_COMPLETE", "H:test:1", "olleh"),
    ]
    assert client.ask("GET_STATUS", "H:test:1") == [("STATUS_RES", "H:test:1", "0", "0", "0", "0")]


def test_a_reducer_travels_to_who_asks_for_all() -> None:
    talk = Talk()
    worker = talk.worker("map")
    talk.connect().say("SUBMIT_REDUCE_JOB", "map", "u", "sum", "unused", "1 2")
    assert worker.ask("GRAB_JOB_ALL") == [("JOB_ASSIGN_ALL", "H:test:1", "map", "u", "sum", "1 2")]


def test_priorities_come_before_functions_and_functions_take_turns() -> None:
    talk = Talk()
    client = talk.connect()
    for function in ("a", "b"):
        for command in ("SUBMIT_JOB_LOW_BG", "SUBMIT_JOB_BG", "SUBMIT_JOB_HIGH_BG"):
            client.say(command, function, "", f"{command} 1")
            client.say(command, function, "", f"{command} 2")
    worker = talk.worker("a", "b")
    taken = [worker.ask("GRAB_JOB")[0][2:] for _ in range(12)]
    assert taken == [
        (function, f"{command} {number}")
        for command in ("SUBMIT_JOB_HIGH_BG", "SUBMIT_JOB_BG", "SUBMIT_JOB_LOW_BG")
        for number in (1, 2)
        for function in ("a", "b")
    ]


def test_jobs_share_their_functions_name() -> None:
    # A million queued jobs hold one name; each packet's own copy would be a tenth of their memory.
    talk = Talk()
    client = talk.connect()
    for payload in ("one", "two"):
        client.submit("SUBMIT_JOB_BG", "a_function_of_some_length", payload=payload)
    first, second = talk.engine.lifecycle.queue.jobs.values()
    assert first.function is second.function


def test_names_that_nobody_uses_are_forgotten_when_they_are_very_many() -> None:
    # gearmand keeps them all, for ever: found by the fuzzer.
    talk = Talk()
    worker, client = talk.worker("with_worker"), talk.connect()
    client.submit("SUBMIT_JOB_BG", "with_job")
    client.line("maxqueue with_limit 5")
    for number in range(2 * FORGET_AT):
        passing = f"passing_{number}"
        worker.say("CAN_DO", passing)
        worker.say("CANT_DO", passing)
    known = {line.split("\t")[0] for line in client.line("status").splitlines()}
    assert {"with_worker", "with_job", "with_limit", passing} <= known
    assert len(known) <= FORGET_AT + 1  # and the dot


def test_any_handle_prefix_is_taken_as_it_is() -> None:
    handle = Talk(handle_prefix="H:50%d").connect().submit("SUBMIT_JOB_BG", "f")
    assert handle == "H:50%d:1"


def test_a_sleeper_is_woken_once_and_only_for_what_it_can_do() -> None:
    talk = Talk()
    worker, other = talk.worker("f"), talk.worker("g")
    assert worker.ask("PRE_SLEEP") == []
    other.say("PRE_SLEEP")
    client = talk.connect()
    client.say("SUBMIT_JOB_BG", "f", "", "1")
    client.say("SUBMIT_JOB_BG", "f", "", "2")
    assert worker.heard() == [("NOOP",)]
    assert other.heard() == []
    worker.grab()
    assert worker.ask("PRE_SLEEP") == [("NOOP",)], "there is another job, so there is no sleep"


def test_worker_wakeup_limits_how_many_are_woken_and_they_take_turns() -> None:
    talk = Talk(worker_wakeup=1)
    workers = [talk.worker("f") for _ in range(3)]
    for worker in workers:
        worker.say("PRE_SLEEP")
    client = talk.connect()
    woken = []
    for _ in range(3):
        client.say("SUBMIT_JOB_BG", "f", "", "")
        woken.append([bool(worker.heard()) for worker in workers].index(True))
    assert woken == [0, 1, 2]


def test_a_function_learnt_asleep_wakes_too() -> None:
    talk = Talk()
    worker = talk.worker("f")
    worker.say("PRE_SLEEP")
    worker.say("CAN_DO", "g")
    talk.connect().say("SUBMIT_JOB_BG", "g", "", "")
    assert worker.heard() == [("NOOP",)]


@pytest.mark.parametrize("wants_exceptions", [False, True])
def test_an_exception_ends_the_job_and_a_following_fail_is_swallowed(wants_exceptions: bool) -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    if wants_exceptions:
        assert client.ask("OPTION_REQ", "Exceptions") == [("OPTION_RES", "Exceptions")]
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    worker.say("WORK_EXCEPTION", handle, "it broke")
    assert worker.ask("WORK_FAIL", handle) == [], "Perl and PHP workers send both"
    # gearmand: the WORK_FAIL made from an exception has a NUL after the handle.
    assert client.heard() == [("WORK_EXCEPTION", handle, "it broke") if wants_exceptions else ("WORK_FAIL", handle)]
    assert worker.ask("WORK_FAIL", handle) == [("ERROR", "JOB_NOT_FOUND", "Job given in work result not found")]


def test_only_who_holds_a_job_may_speak_of_it() -> None:
    talk = Talk()
    client, worker, other = talk.connect(), talk.worker("f"), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    not_found = ("ERROR", "JOB_NOT_FOUND", "Job given in work result not found")
    assert other.ask("WORK_COMPLETE", handle, "mine") == [not_found]
    assert other.ask("WORK_FAIL", handle) == [not_found]
    assert other.ask("WORK_STATUS", handle, "1", "2") == [not_found]
    assert other.ask("WORK_DATA", handle, "") == [("ERROR", "JOB_NOT_FOUND", "Job does not exist on server")]
    assert other.ask("WORK_EXCEPTION", handle, "") == [
        ("ERROR", "JOB_NOT_FOUND", "An exception was received for a job that does not exist")
    ]
    assert client.heard() == []


def test_a_status_follows_the_job() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB_BG", "f", "key")
    assert client.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "1", "0", "0", "0")]
    worker.grab()
    worker.say("WORK_STATUS", handle, "3", "4")
    assert client.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "1", "1", "3", "4")]
    assert client.ask("GET_STATUS_UNIQUE", "key") == [("STATUS_RES_UNIQUE", "key", "1", "1", "3", "4", "0")]
    # gearmand: a handle of 64 bytes or more gets no answer at all.
    assert client.ask("GET_STATUS", "x" * 100) == [("STATUS_RES", "x" * 100, "0", "0", "0", "0")]
    assert client.ask("GET_STATUS_UNIQUE", "none") == [("STATUS_RES_UNIQUE", "none", "0", "0", "0", "0", "0")]


def test_progress_that_is_no_number_counts_as_nothing() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    handle = client.submit("SUBMIT_JOB", "f")
    worker.grab()
    worker.say("WORK_STATUS", handle, "-1", "abc")
    assert client.heard() == [("WORK_STATUS", handle, "-1", "abc")], "forwarded as it came"
    assert client.ask("GET_STATUS", handle) == [("STATUS_RES", handle, "1", "1", "0", "0")]


def test_echo_returns_every_byte() -> None:
    client = Talk().connect()
    assert client.ask("ECHO_REQ", b"\0\xff\n") == [("ECHO_RES", "\0\xff\n")]


def test_what_cannot_be_is_an_error_and_the_connection_lives() -> None:
    client = Talk().connect()
    assert client.ask("OPTION_REQ", "turbo") == [("ERROR", "UNKNOWN_OPTION", "Server does not recognize given option")]
    assert client.ask("SUBMIT_JOB_BG", "f", "u" * 256, "") == [
        ("ERROR", "ARGUMENT_TOO_LARGE", "Unique value too large")
    ]
    assert client.ask("NO_JOB") == [("ERROR", "INVALID_COMMAND", "Command not expected")]
    assert client.ask("CAN_DO_TIMEOUT", "f", "9" * 20) == [
        ("ERROR", "INVALID_ARGUMENT", "Timeout is not a number of milliseconds")
    ]
    assert client.ask("SUBMIT_JOB_EPOCH", "f", "", "abc", "x")[0][:2] == ("ERROR", "INVALID_ARGUMENT")
    assert client.ask("SUBMIT_JOB_EPOCH", "f", "", "9" * 25, "x")[0][:2] == ("ERROR", "INVALID_ARGUMENT")
    assert client.ask("ECHO_REQ", "still here") == [("ECHO_RES", "still here")]


def test_poison_is_answered_and_closes() -> None:
    client = Talk().connect()
    client.raw(b"\0BAD" + bytes(8))
    assert client.heard() == [("ERROR", "INVALID_MAGIC", "Request magic expected")]
    assert client.closed


def test_a_unique_key_of_255_bytes_arrives_whole() -> None:
    # gearmand: 64 bytes are stored as 63, and the worker's payload begins with a NUL.
    talk = Talk()
    for length in (63, 64, 65, 255):
        client, worker = talk.connect(), talk.worker("f")
        client.say("SUBMIT_JOB_BG", "f", "k" * length, "payload")
        assert worker.ask("GRAB_JOB_UNIQ")[0][3:] == ("k" * length, "payload")
