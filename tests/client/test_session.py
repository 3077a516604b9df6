"""The client's session: replies find their requests, however the bytes are cut, and nonsense is named."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge import JobException, JobFailed, JobStatus, Priority, ProtocolError, ServerError
from gearbridge.client.session import ClientSession, ForegroundJob, Reply, read_status, submission
from gearbridge.wire import commands as c
from gearbridge.wire.packets import request, response

# A conversation: what the client asked, in this order...
ASKED = ("first", "refused", "background", "status", "list", "one line", "echo")
# ... and all that the server says.
SAID = b"".join(
    (
        response(c.OPTION_RES, b"exceptions"),
        response(c.JOB_CREATED, b"H:a:1"),
        response(c.WORK_DATA, b"H:a:1", b"half\0of it"),
        response(c.ERROR, b"QUEUE_ERROR", b"Job queue is full"),
        response(c.WORK_COMPLETE, b"H:other:9", b"nobody waits for this"),
        response(c.JOB_CREATED, b"H:a:2"),
        response(c.WORK_STATUS, b"H:a:1", b"1", b"2"),
        response(c.STATUS_RES, b"H:a:2", b"1", b"0", b"0", b"0"),
        b"resize\t1\t0\t2\nOK\t0\t0\t0\n.\n",
        response(c.WORK_COMPLETE, b"H:a:1", b""),
        b"OK 1.1.20\r\n",
        response(c.ECHO_RES, b"\0\n"),
    )
)
ANSWERS: list[Reply] = [
    ("first", c.JOB_CREATED, (b"H:a:1",)),
    ("first", c.WORK_DATA, (b"H:a:1", b"half\0of it")),
    ("refused", c.ERROR, (b"QUEUE_ERROR", b"Job queue is full")),
    ("background", c.JOB_CREATED, (b"H:a:2",)),
    ("first", c.WORK_STATUS, (b"H:a:1", b"1", b"2")),
    ("status", c.STATUS_RES, (b"H:a:2", b"1", b"0", b"0", b"0")),
    ("list", c.TEXT, (b"resize\t1\t0\t2", b"OK\t0\t0\t0")),
    ("first", c.WORK_COMPLETE, (b"H:a:1", b"")),
    ("one line", c.TEXT, (b"OK 1.1.20",)),
    ("echo", c.ECHO_RES, (b"\0\n",)),
]


def asking() -> tuple[ClientSession, bytes]:
    session = ClientSession()
    asked = (
        session.ask_exceptions(),
        session.submit(c.SUBMIT_JOB, "first", b"f", b"", b"x"),
        session.ask_exceptions(),  # only the first time
        session.submit(c.SUBMIT_JOB_HIGH, "refused", b"f", b"key", b""),
        session.submit(c.SUBMIT_JOB_LOW_BG, "background", b"f", b"", b"a\0b"),
        session.get_status("status", b"H:a:2"),
        session.admin("list", b"STATUS"),
        session.admin("one line", b"version"),
        session.echo("echo", b"\0\n"),
    )
    return session, b"".join(asked)


def hear(session: ClientSession, *pieces: bytes) -> list[Reply]:
    replies = [reply for piece in pieces for reply in session.receive(piece)]
    return [(token, command, tuple(args)) for token, command, args in replies]


def test_requests_are_the_protocols_packets() -> None:
    _, octets = asking()
    assert octets == b"".join(
        (
            request(c.OPTION_REQ, b"exceptions"),
            request(c.SUBMIT_JOB, b"f", b"", b"x"),
            request(c.SUBMIT_JOB_HIGH, b"f", b"key", b""),
            request(c.SUBMIT_JOB_LOW_BG, b"f", b"", b"a\0b"),
            request(c.GET_STATUS, b"H:a:2"),
            b"STATUS\nversion\n",
            request(c.ECHO_REQ, b"\0\n"),
        )
    )


@given(st.lists(st.integers(0, len(SAID)), max_size=12).map(sorted))
def test_replies_find_their_requests_however_the_bytes_are_cut(cuts: list[int]) -> None:
    session, _ = asking()
    assert hear(session, *(SAID[start:stop] for start, stop in pairwise([0, *cuts, len(SAID)]))) == ANSWERS
    assert not session.busy


def test_one_byte_at_a_time() -> None:
    session, _ = asking()
    assert hear(session, *(bytes([octet]) for octet in SAID)) == ANSWERS


def test_a_session_is_busy_until_its_foreground_job_ended() -> None:
    session = ClientSession()
    busy = [session.busy]
    session.submit(c.SUBMIT_JOB, None, b"f", b"", b"")
    busy.append(session.busy)
    for packet in (response(c.JOB_CREATED, b"H:1"), response(c.WORK_DATA, b"H:1", b""), response(c.WORK_FAIL, b"H:1")):
        session.receive(packet)
        busy.append(session.busy)
    assert busy == [False, True, True, True, False]


def test_work_fail_of_gearmand_with_a_nul_behind_the_handle() -> None:
    session = ClientSession()
    session.submit(c.SUBMIT_JOB, "mine", b"f", b"", b"")
    session.receive(response(c.JOB_CREATED, b"H:1"))
    assert [token for token, *_ in session.receive(response(c.WORK_FAIL, b"H:1\0"))] == ["mine"]


def test_news_of_a_cancelled_job_that_come_after_its_end_are_dropped() -> None:
    session = ClientSession()
    session.submit(c.SUBMIT_JOB, None, b"f", b"", b"")
    session.receive(response(c.JOB_CREATED, b"H:1") + response(c.WORK_FAIL, b"H:1"))
    assert session.receive(response(c.WORK_COMPLETE, b"H:1", b"late")) == []


def test_two_requests_for_one_job_each_get_its_news() -> None:
    session = ClientSession()
    for token in "ab":
        session.submit(c.SUBMIT_JOB, token, b"f", b"same", b"")
    session.receive(response(c.JOB_CREATED, b"H:1") * 2)
    news = response(c.WORK_DATA, b"H:1", b"x") * 2 + response(c.WORK_COMPLETE, b"H:1", b"y") * 2
    assert [(token, command) for token, command, _ in session.receive(news)] == [
        ("a", c.WORK_DATA),
        ("b", c.WORK_DATA),
        ("a", c.WORK_COMPLETE),
        ("b", c.WORK_COMPLETE),
    ]
    assert not session.busy


def test_a_refused_list_is_one_line() -> None:
    session = ClientSession()
    session.admin("asked", b"show nonsense")
    assert hear(session, b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n") == [("asked", c.TEXT, (b"ERR UNKNOWN_SHOW_ARGUMENTS",))]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request"),
        (response(c.ECHO_RES, b"x"), "sent ECHO_RES where JOB_CREATED was due"),
        (response(c.NOOP), "sent NOOP"),
        (b"\0NOT a packet at all", "not the Gearman protocol"),
        (request(c.JOB_CREATED, b"H:1"), "broken or unknown packet (type 8)"),
        (b"\0RES" + b"\0\0\1\0" + bytes(4), "broken or unknown packet (type 256)"),
        (response(c.JOB_CREATED, b"H:1") * 2, "sent JOB_CREATED where nothing was due"),
    ],
)
def test_what_no_gearman_server_sends_is_named(octets: bytes, said: str) -> None:
    session = ClientSession()
    session.submit(c.SUBMIT_JOB_BG, None, b"f", b"", b"")
    with pytest.raises(ProtocolError) as caught:
        session.receive(octets)
    assert said in str(caught.value)
    assert "is it a Gearman server?" in str(caught.value)


class TestForegroundJob:
    def ended(self, *news: tuple[int, tuple[bytes, ...]]) -> ForegroundJob:
        job = ForegroundJob()
        ends = [job.take(command, args) for command, args in news]
        assert ends == [False] * (len(news) - 1) + [True]
        return job

    def test_data_is_the_beginning_of_the_result(self) -> None:
        job = self.ended(
            (c.JOB_CREATED, (b"H:1",)),
            (c.WORK_DATA, (b"H:1", b"one ")),
            (c.WORK_WARNING, (b"H:1", b"not this")),
            (c.WORK_DATA, (b"H:1", b"two ")),
            (c.WORK_COMPLETE, (b"H:1", b"three")),
        )
        assert job.result() == b"one two three"

    def test_failure(self) -> None:
        job = self.ended((c.JOB_CREATED, (b"H:1",)), (c.WORK_FAIL, (b"H:1",)))
        with pytest.raises(JobFailed, match="job H:1 failed") as caught:
            job.result()
        assert caught.value.handle == "H:1"

    def test_exception(self) -> None:
        job = self.ended((c.JOB_CREATED, (b"H:1",)), (c.WORK_EXCEPTION, (b"H:1", b"no disk \xff")))
        with pytest.raises(JobException, match=r"no disk \\xff") as caught:
            job.result()
        assert (caught.value.handle, caught.value.payload) == ("H:1", b"no disk \xff")

    def test_refusal(self) -> None:
        with pytest.raises(ServerError, match="QUEUE_ERROR: Job queue is full"):
            self.ended((c.ERROR, (b"QUEUE_ERROR", b"Job queue is full"))).result()

    def test_status_that_is_no_number_counts_as_0_as_in_gearmand(self) -> None:
        seen: list[tuple[int, int]] = []
        job = ForegroundJob(on_status=lambda *status: seen.append(status))
        job.take(c.WORK_STATUS, (b"H:1", b"abc", b"-1"))
        assert seen == [(0, -1)]


def test_percentage() -> None:
    assert read_status((b"H:1", b"1", b"1", b"1", b"8")) == JobStatus(True, True, 1, 8, None)
    assert read_status((b"H:1", b"1", b"1", b"1", b"8")).percentage == 12.5
    assert read_status((b"H:1", b"0", b"0", b"0", b"0")).percentage is None
    assert read_status((b"key", b"1", b"0", b"0", b"0", b"3")).waiting_clients == 3


def test_priorities() -> None:
    assert submission(Priority.HIGH, True) == c.SUBMIT_JOB_HIGH
    assert submission(Priority.LOW, False) == c.SUBMIT_JOB_LOW_BG
    with pytest.raises(ValueError, match="priority"):
        submission(3, True)
