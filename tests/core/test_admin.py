"""The text protocol, byte for byte as gearmand, and better where gearmand loses something."""

from __future__ import annotations

import pytest

from gearbridge.records import RowsWaiting

from .conversation import Talk


def test_status_counts_jobs_running_and_workers() -> None:
    talk = Talk()
    client, worker = talk.connect(), talk.worker("f")
    client.submit("SUBMIT_JOB_BG", "f")
    client.submit("SUBMIT_JOB_HIGH_BG", "f")
    client.submit("SUBMIT_JOB_LOW_BG", "g")
    worker.grab()
    assert client.line("status") == "f\t2\t1\t1\ng\t1\t0\t0\n.\n"
    assert client.line("PRIORITYSTATUS\r") == "f\t0\t1\t0\t1\ng\t0\t0\t1\t0\n.\n"


def test_workers_lists_every_connection() -> None:
    talk = Talk()
    worker, admin = talk.worker("x", "y"), talk.connect()
    worker.say("SET_CLIENT_ID", "my-id")
    assert admin.line("workers") == "1 127.0.0.1 my-id : y x\n2 127.0.0.1 - :\n.\n"


def test_version_getpid_and_verbose() -> None:
    admin = Talk(version="gearbridge-9", process_id=42, log_level="ERROR").connect()
    assert admin.line("verbose") == "OK ERROR\n"
    assert admin.line("version") == "OK gearbridge-9\n"
    assert admin.line("getpid") == "OK 42\n"


def test_the_age_of_the_counts_of_the_job_table() -> None:
    talk = Talk(durable=True, claimable=True)
    admin = talk.connect()
    assert admin.line("counted") == "OK -\n"
    talk.engine.recount(RowsWaiting([], True, False), 10.0)
    talk.now = 52.25
    assert admin.line("counted") == "OK 42.2\n"


def test_show() -> None:
    talk = Talk(durable=True)
    client, worker = talk.connect(), talk.worker("f")
    client.say("SUBMIT_JOB_BG", "f", "u1", "")
    talk.connect().say("SUBMIT_JOB", "f", "", "")
    talk.commit()
    client.heard()
    worker.grab()
    worker.leave()
    assert client.line("show jobs") == "H:test:1\t0\t0\t1\nH:test:2\t1\t0\t0\n.\n"
    assert client.line("show unique jobs") == "u1\n\n.\n"
    assert client.line("show") == "ERR UNKNOWN_COMMAND Unknown+server+commandshow\r\n"
    assert client.line("show foo") == "ERR UNKNOWN_SHOW_ARGUMENTS\r\n"


def test_cancel_tells_clients_and_the_job_is_unknown_at_once() -> None:
    talk = Talk()
    client, worker, admin = talk.connect(), talk.worker("f"), talk.connect()
    queued, running = client.submit("SUBMIT_JOB", "f", "", "1"), client.submit("SUBMIT_JOB", "f", "", "2")
    assert worker.grab() == queued
    assert admin.line(f"cancel job {queued}") == "OK\r\n"
    assert admin.line(f"cancel job {running}") == "OK\r\n"
    assert client.heard() == [("WORK_FAIL", queued), ("WORK_FAIL", running)]
    assert client.ask("GET_STATUS", running) == [("STATUS_RES", running, "0", "0", "0", "0")]
    assert worker.ask("WORK_COMPLETE", queued, "late") == []
    assert client.heard() == []
    assert worker.ask("GRAB_JOB") == [("NO_JOB",)]
    assert admin.line(f"cancel job {queued}") == "ERR UNKNOWN_JOB\r\n"
    assert admin.line("cancel it now") == "ERR UNKNOWN_ERROR\r\n"
    assert admin.line("cancel it") == "ERR UNKNOWN_COMMAND Unknown+server+commandcancel\r\n"


def test_functions_are_created_and_dropped() -> None:
    talk = Talk()
    client = talk.connect()
    # gearmand cuts the last letter of a name that is ended by LF alone.
    assert client.line("create function xyz") == "OK\r\n"
    assert client.line("create function xyz") == "OK\r\n"
    assert client.line("status") == "xyz\t0\t0\t0\n.\n"
    assert client.line("drop function xyz") == "OK\r\n"
    assert client.line("status") == ".\n"
    assert client.line("drop function xyz") == "ERR function not found\r\n"


def test_a_function_with_jobs_is_not_dropped() -> None:
    # gearmand drops it, and its queued jobs are never run.
    talk = Talk()
    client = talk.connect()
    client.submit("SUBMIT_JOB_BG", "f")
    assert client.line("drop function f").startswith("ERR there are still connected workers")
    assert talk.worker("f").grab()


def test_maxqueue_refuses_what_is_over_it() -> None:
    talk = Talk()
    client = talk.connect()
    full = [("ERROR", "QUEUE_ERROR", "Job queue is full")]
    assert client.line("maxqueue f 1") == "OK\r\n"
    handle = client.submit("SUBMIT_JOB_BG", "f", "u")
    assert client.ask("SUBMIT_JOB_BG", "f", "", "") == full
    assert client.submit("SUBMIT_JOB_BG", "f", "u") == handle, "joining a job makes none"
    assert client.line("maxqueue f 5 1") == "OK\r\n"
    assert client.ask("SUBMIT_JOB_BG", "f", "", "") == full
    client.submit("SUBMIT_JOB_HIGH_BG", "f")
    client.submit("SUBMIT_JOB_LOW_BG", "f")
    assert client.line("maxqueue f") == "OK\r\n"
    client.submit("SUBMIT_JOB_BG", "f")


@pytest.mark.parametrize("line", ["maxqueue", "create function", "drop x"])
def test_incomplete_lines_are_told(line: str) -> None:
    word = line.split(maxsplit=1)[0]
    assert Talk().connect().line(line) == (
        f"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+{word}\r\n"
    )


def test_other_lines() -> None:
    admin = Talk().connect()
    assert admin.line("foo bar") == "ERR UNKNOWN_COMMAND Unknown+server+commandfoo\r\n"
    assert admin.line("") == "ERR UNKNOWN_COMMAND Unknown+server+command\r\n"
    assert admin.line("GET / HTTP/1.1 a b c d") == ""
    assert admin.closed


@pytest.mark.parametrize(
    "line", ["PRI * HTTP/2.0", "OPTIONS * HTTP/1.1", "M-SEARCH * HTTP/1.1", "\x16\x03\x01\x02\0 of TLS"]
)
def test_what_speaks_another_protocol_is_listened_to_no_more(line: str) -> None:
    admin = Talk().connect()
    admin.line(line)
    assert admin.closed


def test_shutdown_is_unknown_unless_it_is_allowed() -> None:
    talk = Talk()
    assert talk.connect().line("shutdown") == "ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n"
    assert talk.engine.take_stop() is None


@pytest.mark.parametrize(("line", "asked"), [("shutdown", "now"), ("SHUTDOWN Graceful\r", "gracefully")])
def test_shutdown_asks_the_shell_to_end(line: str, asked: str) -> None:
    talk = Talk(allow_shutdown=True)
    assert talk.connect().line(line) == "OK\n"
    assert talk.engine.take_stop() == asked
    assert talk.engine.take_stop() is None


def test_shutdown_takes_no_other_word() -> None:
    talk = Talk(allow_shutdown=True)
    assert talk.connect().line("shutdown now please").startswith("ERR INVALID_ARGUMENTS")
    assert talk.engine.take_stop() is None


def test_names_cannot_forge_lines() -> None:
    talk = Talk()
    worker = talk.worker("a\nb\tc")
    worker.say("SET_CLIENT_ID", "x\ny")
    assert talk.connect().line("status") == "a?b?c\t0\t0\t1\n.\n"
    assert "x?y" in talk.connect().line("workers")


def test_a_tabulator_is_part_of_a_name() -> None:
    talk = Talk()
    admin = talk.connect()
    assert admin.line("create function app1\tresize") == "OK\r\n"
    assert admin.line("maxqueue app1\tresize 1") == "OK\r\n"
    assert admin.line("status") == "app1?resize\t0\t0\t0\n.\n"
    assert admin.line("drop function app1\tresize") == "OK\r\n"
    assert admin.line("status") == ".\n"
    assert admin.line("  status  ") == ".\n"


def test_a_unique_key_that_is_a_dot_ends_no_list() -> None:
    talk = Talk()
    client = talk.connect()
    for key in ("first", ".", "last"):
        client.submit("SUBMIT_JOB_BG", "f", key)
    assert client.line("show unique jobs") == "first\n. \nlast\n.\n"
