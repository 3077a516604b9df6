"""Both kinds of client against real servers: every call does what it says."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, Job, JobException, JobFailed, JobStatus, Priority, ReplyTimeout, ServerError
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.kinds import OpenClient
    from tests.fixtures.job_server import JobServer


def reverse(job: Job) -> bytes:
    return job.payload[::-1]


def test_a_foreground_job(client: Client) -> None:
    with working(client.servers[0], reverse=reverse):
        assert client.do("reverse", "hello") == b"olleh"
        assert client.do(b"reverse", b"\0\xff\n") == b"\n\xff\0"
        assert client.do("reverse") == b""


def test_a_large_payload_goes_and_comes_whole(client: Client) -> None:
    payload = os.urandom(1 << 20) * 20
    with working(client.servers[0], reverse=reverse):
        assert client.do("reverse", payload, timeout=PATIENCE) == payload[::-1]


def test_what_the_worker_sends_ahead(client: Client) -> None:
    def chatty(job: Job) -> str:
        job.send_status(1, 2)
        job.send_data("one ")
        job.send_warning("take care")
        job.send_data("two ")
        return "three"

    news: list[object] = []
    with working(client.servers[0], chatty=chatty):
        assert client.do("chatty") == b"one two three"
        result = client.do(
            "chatty", on_data=news.append, on_warning=news.append, on_status=lambda *status: news.append(status)
        )
    assert result == b"three"
    assert news == [(1, 2), b"one ", b"take care", b"two "]


def test_the_handle_of_a_job_that_is_waited_for(client: Client) -> None:
    handles: list[str] = []

    def seen(job: Job) -> str:
        wait_until(lambda: handles == [job.handle])  # it is known while the job runs
        return job.handle

    with working(client.servers[0], seen=seen):
        assert client.do("seen", on_created=handles.append, timeout=PATIENCE).decode() == handles[0]


def test_a_failed_job(client: Client) -> None:
    def fail(job: Job) -> None:
        raise JobFailed(job.handle, "no luck")

    with working(client.servers[0], fail=fail), pytest.raises(JobFailed) as caught:
        client.do("fail")
    assert caught.value.handle
    assert caught.value.handle in str(caught.value)


def test_a_job_that_raises(client: Client) -> None:
    def divide(job: Job) -> str:
        return str(1 // int(job.payload))

    with working(client.servers[0], divide=divide):
        with pytest.raises(JobException, match="ZeroDivisionError: integer division or modulo by zero"):
            client.do("divide", "0")
        assert client.do("divide", "1") == b"1"  # the same connections go on


def test_status_follows_a_job_to_its_end(client: Client) -> None:
    handle = client.do_background("slow", "x")
    assert client.status(handle) == JobStatus(known=True, running=False, numerator=0, denominator=0)

    def slow(job: Job) -> None:
        job.send_status(3, 4)
        with Client(client.servers) as other:
            status = wait_until(lambda: (seen := other.status(handle)).denominator and seen)
        assert status == JobStatus(known=True, running=True, numerator=3, denominator=4)
        assert status.percentage == 75
        seen_running.append(status)

    seen_running: list[JobStatus] = []
    with working(client.servers[0], slow=slow):
        wait_until(lambda: not client.status(handle).known)
    assert seen_running


def test_a_unique_key_makes_two_submissions_one_job(client: Client) -> None:
    handle = client.do_background("once", "x", "key 1")
    assert client.do_background("once", "y", b"key 1") == handle
    assert client.do_background("once", "z", "key 2") != handle
    status = client.status_by_unique_key("key 1")
    assert (status.known, status.running, status.waiting_clients) == (True, False, 0)
    assert not client.status_by_unique_key("key 3").known


def test_high_comes_before_normal_and_normal_before_low(client: Client) -> None:
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        client.do_background("ranked", priority.name, priority=priority)
    done: list[bytes] = []
    with working(client.servers[0], ranked=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 3)
    assert done == [b"HIGH", b"NORMAL", b"LOW"]


def test_a_job_with_a_time_does_not_run_before_it(client: Client) -> None:
    client.do_background("later", "tomorrow", run_at=time.time() + 86400)
    client.do_background("later", "now", run_at=time.time() - 1)
    done: list[bytes] = []
    with working(client.servers[0], later=lambda job: done.append(job.payload)):
        wait_until(lambda: done)
        assert client.do("later", "a job behind it", timeout=PATIENCE) == b""
    assert done == [b"now", b"a job behind it"]


def test_many_background_jobs_at_once(client: Client) -> None:
    handles = client.do_background_many("many", (str(number) for number in range(1200)))
    assert len(set(handles)) == 1200
    done: list[bytes] = []
    with working(client.servers[0], many=lambda job: done.append(job.payload)):
        wait_until(lambda: len(done) == 1200)
    assert done == [b"%d" % number for number in range(1200)]  # in order
    assert client.do_background_many("many", []) == []
    with pytest.raises(ValueError, match="function name cannot be empty"):
        client.do_background_many("", ["x"])


def test_many_with_large_payloads(client: Client) -> None:
    assert len(client.do_background_many("many_large", [bytes(1_000_000)] * 8)) == 8


def test_many_payloads_that_fail_to_come_leave_a_clean_client(client: Client) -> None:
    def payloads() -> Iterator[str]:
        yield from ("x" for _ in range(700))
        raise LookupError("no more rows")

    with pytest.raises(LookupError):
        client.do_background_many("half", payloads())
    assert client.ping() >= 0


def test_ping_and_admin(client: Client) -> None:
    assert client.ping() >= 0
    assert client.admin("version")[0].startswith("OK ")
    client.do_background("admin_me", unique_key="one, however often this runs")
    assert "admin_me\t1\t0\t0" in client.admin("status")
    assert client.admin("STATUS") == client.admin("status")
    with pytest.raises(ServerError, match="UNKNOWN_COMMAND: Unknown server command"):
        client.admin("nonsense")
    with pytest.raises(ServerError, match="UNKNOWN_SHOW_ARGUMENTS"):
        client.admin("show nonsense")
    assert client.ping() >= 0  # packets and text take turns on one connection


def test_a_timeout_of_the_job_names_it_and_the_next_call_starts_clean(client: Client) -> None:
    with pytest.raises(ReplyTimeout, match=r"job \S+ was not done within 0\.05 s"):
        client.do("nobody_does_this", timeout=0.05)
    with working(client.servers[0], reverse=reverse):
        assert client.do("reverse", "ab") == b"ba"


class Cancelled(Exception):
    """What callbacks raise in these tests."""


def test_a_callback_that_raises_ends_the_call_and_the_next_one_starts_clean(client: Client) -> None:
    def refuse(octets: bytes) -> None:
        raise Cancelled

    def chatty(job: Job) -> str:
        job.send_data("first")
        return "rest"

    with working(client.servers[0], chatty_too=chatty):
        with pytest.raises(Cancelled):
            client.do("chatty_too", on_data=refuse)
        assert client.do("chatty_too") == b"firstrest"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("",), "function name cannot be empty"),
        (("a\0b",), "function name cannot contain NUL"),
        (("f", "x", "a\0b"), "unique key cannot contain NUL"),
    ],
)
def test_what_the_protocol_cannot_carry_is_refused(
    open_client: OpenClient, arguments: tuple[str, ...], said: str
) -> None:
    client = open_client("127.0.0.1:1")  # nothing is connected
    with pytest.raises(ValueError, match=said):
        client.do_background(*arguments)
    with pytest.raises(ValueError, match=said):
        client.do(*arguments)


def test_other_bad_arguments(client: Client) -> None:
    with pytest.raises(ValueError, match="priority"):
        client.do("f", priority=7)
    with pytest.raises(ValueError, match="normal priority"):
        client.do_background("f", priority=Priority.HIGH, run_at=1.0)
    for run_at in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="seconds since 1970"):
            client.do_background("f", run_at=run_at)
    for line in ("", " ", "status\nversion"):
        with pytest.raises(ValueError, match="one line of text"):
            client.admin(line)
    with pytest.raises(ValueError, match="handle cannot contain NUL"):
        client.status("H\0")
    assert client.ping() >= 0


def test_every_unique_key_is_read_whatever_it_looks_like(open_client: OpenClient, job_server: JobServer) -> None:
    keys = ["ERR NOT_FOUND", "first", ".", "with space", "OK", "last"]
    with open_client(job_server.address) as client:
        for key in keys:
            client.do_background("keys", "", key)
        listed = client.admin("show unique jobs")
        assert sorted(line.strip() for line in listed) == sorted(keys)
        assert client.admin("status") == [f"keys\t{len(keys)}\t0\t0"], "the conversation goes on"


def test_a_name_with_a_tabulator(open_client: OpenClient, job_server: JobServer) -> None:
    with open_client(job_server.address) as client:
        client.do_background("app1\tresize")
        client.admin("maxqueue app1\tresize 1")
        with pytest.raises(ServerError, match="Job queue is full"):
            client.do_background("app1\tresize")
        (line,) = client.admin("status")
        assert line.rsplit("\t", 3)[1:] == ["1", "0", "0"]


def test_a_handle_that_is_not_utf_8_survives_the_way_there_and_back(client: Client) -> None:
    assert not client.status("H:\udcff:1").known
