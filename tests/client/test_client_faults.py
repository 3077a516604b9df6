"""Both kinds of client when servers die, come back, fall silent or talk nonsense."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, ConnectionLost, Job, JobFailed, ProtocolError, ReplyTimeout, ServersUnreachable
from gearbridge.wire import commands as c
from gearbridge.wire.packets import request, response
from tests.client.scripted import Scripted
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from tests.client.kinds import OpenClient
    from tests.fixtures.job_server import JobServer


def dead() -> str:
    return f"127.0.0.1:{free_port()}"


def answer_ping(peer: socket.socket) -> None:
    assert peer.recv(4096) == request(c.ECHO_REQ, b"gearbridge")
    peer.sendall(response(c.ECHO_RES, b"gearbridge"))


class InThread(threading.Thread):
    """A call in a thread; `outcome` is what it returned or raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._outcome: object = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._call()
        except Exception as error:
            self._outcome = error

    def outcome(self) -> object:
        self.join(PATIENCE)
        assert not self.is_alive(), "the call did not end"
        return self._outcome


def test_a_dead_server_is_skipped_and_then_left_alone(job_server: JobServer) -> None:
    connects: list[None] = []
    with Client(f"{dead()},{job_server.address}", on_connect=lambda: connects.append(None)) as client:
        assert client.do_background("f")
        assert len(connects) == 2  # the dead one was tried first
        client.close()
        assert client.do_background("f")
        assert not client.status("H:nobody:1").known  # asks all that can be asked
        assert len(connects) == 3


def test_all_dead_names_each_server_and_why(open_client: OpenClient) -> None:
    first, second = dead(), dead()
    client = open_client([first, second])
    expected = f"no job server can be reached: {first} (Connection refused), {second} (Connection refused)"
    for call in (client.ping, lambda: client.do("f"), lambda: client.status("H:1")):
        with pytest.raises(ServersUnreachable) as caught:
            call()
        assert str(caught.value) == expected


def test_the_only_server_is_tried_again_at_once(job_server: JobServer, open_client: OpenClient) -> None:
    with open_client(job_server.address) as client:
        client.ping()
        job_server.kill()
        with pytest.raises(ServersUnreachable):
            client.ping()
        job_server.start()
        assert client.ping() >= 0


def test_a_server_that_was_restarted_between_calls_costs_no_error(
    job_server: JobServer, open_client: OpenClient
) -> None:
    with open_client(job_server.address) as client:
        client.do_background("f")
        job_server.restart()
        assert client.do_background("f")


def test_jobs_go_to_the_next_server_when_theirs_dies(job_server: JobServer, open_client: OpenClient) -> None:
    with Scripted() as second, open_client([job_server.address, second.address]) as client:
        client.do_background("f")
        job_server.kill()
        call = InThread(lambda: client.do_background("f"))
        peer = second.accept()
        assert peer.recv(4096) == request(c.SUBMIT_JOB_BG, b"f", b"", b"")
        peer.sendall(response(c.JOB_CREATED, b"H:second:1"))
        assert call.outcome() == "H:second:1"


def test_jobs_go_on_whichever_server_is_killed(job_server: JobServer, tmp_path: Path, open_client: OpenClient) -> None:
    with (
        Gearmand(tmp_path) as other,
        working(f"{job_server.address},{other.address}", f=lambda job: job.payload),
        open_client([job_server.address, other.address]) as client,
    ):
        assert client.do("f", "first", timeout=PATIENCE) == b"first"
        job_server.kill()
        assert client.do("f", "second", timeout=PATIENCE) == b"second"
        assert client.do_all("f", ["a", "b"], timeout=PATIENCE) == [b"a", b"b"]
        job_server.start()
        other.kill()
        assert client.do("f", "first again", timeout=PATIENCE) == b"first again"


@pytest.mark.parametrize("method", ["do", "do_background"])
def test_a_submission_whose_reply_is_lost_is_not_sent_again(method: str, open_client: OpenClient) -> None:
    with Scripted() as server, Scripted() as other, open_client([server.address, other.address]) as client:
        call = InThread(lambda: getattr(client, method)("f", "x"))
        peer = server.accept()
        assert b"f\0\0x" in peer.recv(4096)
        peer.close()
        assert isinstance(call.outcome(), ConnectionLost)
        # Neither server is told of the job again: the next thing that either hears is the next call.
        call = InThread(client.ping)
        answer_ping(server.accept())
        assert isinstance(call.outcome(), float)


def test_a_server_that_dies_while_a_job_is_awaited(job_server: JobServer, open_client: OpenClient) -> None:
    with open_client(job_server.address) as client, Client(job_server.address) as other:
        call = InThread(lambda: client.do("nobody_does_this"))
        wait_until(lambda: "nobody_does_this\t1\t0\t0" in other.admin("status"))
        job_server.kill()
        assert isinstance(call.outcome(), ConnectionLost)
        job_server.start()
        assert client.ping() >= 0


def test_a_silent_server(open_client: OpenClient) -> None:
    with Scripted() as server, open_client(server.address, reply_timeout=0.05) as client:
        with pytest.raises(ReplyTimeout, match=f"{server.address} did not answer in time"):
            client.do_background("f")
        late = server.accept()
        call = InThread(lambda: client.do_background("g"))
        peer = server.accept()
        late.sendall(response(c.JOB_CREATED, b"H:late:1"))  # must not be taken for the next call's reply
        assert peer.recv(4096) == request(c.SUBMIT_JOB_BG, b"g", b"", b"")
        peer.sendall(response(c.JOB_CREATED, b"H:next:2"))
        assert call.outcome() == "H:next:2"


def test_the_reply_timeout_does_not_limit_the_job(job_server: JobServer) -> None:
    waited: list[None] = []
    with Client(job_server.address, reply_timeout=0.5, on_wait=lambda: waited.append(None)) as client:

        def slow(job: Job) -> str:
            before, end = len(waited), time.monotonic() + 0.6
            wait_until(lambda: time.monotonic() > end and len(waited) > before)
            return "done"

        with working(job_server.address, slow=slow):
            assert client.do("slow") == b"done"


def test_what_is_no_gearman_server(open_client: OpenClient) -> None:
    with Scripted() as server, open_client(server.address) as client:
        call = InThread(client.ping)
        peer = server.accept()
        assert peer.recv(4096)
        peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        error = call.outcome()
        assert isinstance(error, ProtocolError)
        assert "SSH-2.0-OpenSSH_9.2" in str(error)
        call = InThread(client.ping)
        answer_ping(server.accept())
        assert isinstance(call.outcome(), float)


def test_nonsense_between_calls_costs_a_connection_and_no_error(open_client: OpenClient) -> None:
    with Scripted() as server, open_client(server.address) as client:
        call = InThread(client.ping)
        peer = server.accept()
        answer_ping(peer)
        call.outcome()
        peer.sendall(response(c.JOB_CREATED, b"H:nobody:asked"))
        call = InThread(client.ping)
        answer_ping(server.accept())
        assert isinstance(call.outcome(), float)


def test_status_is_asked_of_all_servers(job_server: JobServer, open_client: OpenClient) -> None:
    with Client(job_server.address) as submitter, Scripted() as first:
        handle = submitter.do_background("f", "x", "my key")
        with open_client([first.address, dead(), job_server.address]) as client:
            call = InThread(lambda: client.status(handle))
            peer = first.accept()
            assert peer.recv(4096) == request(c.GET_STATUS, handle.encode())
            peer.sendall(response(c.STATUS_RES, handle.encode(), b"0", b"0", b"0", b"0"))
            status = call.outcome()
            assert getattr(status, "known", None) is True

            # The first one goes in the middle of the question: the others still answer.
            call = InThread(lambda: client.status_by_unique_key("my key"))
            assert peer.recv(4096) == request(c.GET_STATUS_UNIQUE, b"my key")
            peer.close()
            assert getattr(call.outcome(), "known", None) is True


def test_a_question_that_the_only_server_does_not_answer(open_client: OpenClient) -> None:
    with Scripted() as server, open_client(server.address) as client:
        call = InThread(lambda: client.status("H:1"))
        server.accept().close()
        assert isinstance(call.outcome(), ConnectionLost)


def test_late_news_of_a_cancelled_job_do_not_disturb_the_next_call(
    job_server: JobServer, open_client: OpenClient
) -> None:
    cancelled = threading.Event()
    handles: list[str] = []

    def slow(job: Job) -> str:
        handles.append(job.handle)
        assert cancelled.wait(PATIENCE)
        return "too late"

    with (
        open_client(job_server.address) as client,
        Client(job_server.address) as admin,
        working(job_server.address, f=slow),
    ):
        call = InThread(lambda: client.do("f"))
        wait_until(lambda: handles)
        admin.admin(f"cancel job {handles[0]}")
        outcome = call.outcome() if job_server.kind == "gearmand" else None
        cancelled.set()
        # gearmand sends WORK_FAIL at once, and when the worker is done WORK_COMPLETE to the same client.
        assert isinstance(outcome or call.outcome(), (JobFailed, bytes))
        wait_until(lambda: "f\t0\t0\t1" in admin.admin("status"))
        assert client.do_background("other")
        assert client.ping() >= 0
