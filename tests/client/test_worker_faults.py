"""Both kinds of worker and their servers: all are served, whatever one of them does."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from typing import TYPE_CHECKING

from gearbridge import Client, ConnectionLost, Job
from gearbridge.wire import commands as c
from gearbridge.wire.packets import NO_JOB, NOOP, request, response
from tests.client.scripted import Scripted
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.workers import at_work

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.client.kinds import MakeWorker
    from tests.fixtures.job_server import JobServer


def echo(job: Job) -> bytes:
    return job.payload


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


def test_all_servers_are_served(job_server: JobServer, tmp_path: Path, make_worker: MakeWorker) -> None:
    with Gearmand(tmp_path) as other:
        servers = f"{job_server.address},{other.address}"
        with at_work(make_worker(servers), f=echo), Client(job_server.address) as one, Client(other.address) as two:
            for text in ("a", "b"):
                assert one.do("f", text, timeout=PATIENCE) == text.encode()
                assert two.do("f", text, timeout=PATIENCE) == text.encode()


def read_until(peer: socket.socket, packet: bytes) -> bytes:
    said = b""
    while packet not in said:
        octets = peer.recv(4096)
        assert octets, f"the worker left after {said!r}"
        said += octets
    return said


def test_servers_with_jobs_take_turns(make_worker: MakeWorker) -> None:
    grab, sleep = request(c.GRAB_JOB_UNIQ), request(c.PRE_SLEEP)
    end = request(c.WORK_COMPLETE, b"H:1", b"")
    with Scripted() as one, Scripted() as two:
        second: list[socket.socket] = []

        def first_job(job: Job) -> None:
            # While this job of the first server is in hand, the second one gets work too.
            second[0].sendall(NOOP)

        with at_work(make_worker(f"{one.address},{two.address}"), f=first_job):
            first = one.accept()
            second.append(two.accept())
            awake = {first: b"", second[0]: b""}
            while awake:  # whichever is asked first
                ready = select.select(list(awake), [], [], PATIENCE)[0]
                assert ready, f"the worker said only {awake.values()}"
                for peer in ready:
                    awake[peer] += peer.recv(4096)
                    if awake[peer].endswith(grab):
                        peer.sendall(NO_JOB)
                    elif awake[peer].endswith(sleep):
                        del awake[peer]
            first.sendall(NOOP)
            read_until(first, grab)
            first.sendall(response(c.JOB_ASSIGN_UNIQ, b"H:1", b"f", b"", b""))
            read_until(first, end + sleep)
            read_until(second[0], grab)
            second[0].sendall(NO_JOB)


def test_a_dead_server_is_told_of_once_and_joins_when_it_is_back(
    job_server: JobServer, submitter: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture, make_worker: MakeWorker
) -> None:
    caplog.set_level(logging.INFO)
    other = Gearmand(tmp_path)
    other.port = free_port()
    with at_work(make_worker(f"{other.address},{job_server.address}"), f=echo):
        assert submitter.do("f", "x", timeout=PATIENCE) == b"x"
        wait_until(lambda: lines(caplog, "is unavailable"))
        with other, Client(other.address) as second:
            assert second.do("f", "y", timeout=PATIENCE) == b"y"
        assert submitter.do("f", "z", timeout=PATIENCE) == b"z"
    away, *again = lines(caplog, other.address)
    assert "is unavailable, retrying: it cannot be reached (Connection refused)" in away
    assert again[0] == f"job server {other.address} is available again"


def test_a_server_that_is_killed_costs_the_others_nothing(
    job_server: JobServer, submitter: Client, tmp_path: Path, make_worker: MakeWorker
) -> None:
    with (
        Gearmand(tmp_path) as other,
        Client(other.address) as second,
        at_work(make_worker(f"{other.address},{job_server.address}"), f=echo),
    ):
        assert second.do("f", "x", timeout=PATIENCE) == b"x"
        other.kill()
        for number in range(20):
            assert submitter.do("f", str(number), timeout=PATIENCE) == b"%d" % number
        other.start()
        assert second.do("f", "y", timeout=PATIENCE) == b"y"
        job_server.kill()
        assert second.do("f", "z", timeout=PATIENCE) == b"z"
        job_server.start()
        assert submitter.do("f", "back", timeout=PATIENCE) == b"back"


def test_a_server_that_does_not_answer_the_connect_delays_nobody(
    job_server: JobServer, submitter: Client, make_worker: MakeWorker
) -> None:
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # more than its backlog: the next one gets no answer
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        worker = make_worker(f"{address},{job_server.address}", connect_timeout=3 * PATIENCE)
        with at_work(worker, f=echo):
            assert submitter.do("f", "x", timeout=PATIENCE) == b"x"


def test_a_worker_outlives_its_server(
    job_server: JobServer, caplog: pytest.LogCaptureFixture, make_worker: MakeWorker
) -> None:
    with at_work(make_worker(job_server.address), f=echo), Client(job_server.address) as submitter:
        assert submitter.do("f", "before", timeout=PATIENCE) == b"before"
        job_server.restart()
        assert submitter.do("f", "after", timeout=PATIENCE) == b"after"
    assert lines(caplog, "it closed the connection")


def test_a_server_that_dies_under_a_job(
    job_server: JobServer, caplog: pytest.LogCaptureFixture, make_worker: MakeWorker
) -> None:
    outcomes: list[str] = []

    def losing(job: Job) -> str:
        def reported_in_vain() -> bool:
            try:
                job.send_status(1, 2)
            except ConnectionLost as error:
                outcomes.append(str(error))
            return bool(outcomes)

        if not outcomes:  # a server with a store gives the job out again
            job_server.kill()
            wait_until(reported_in_vain)
        return "nobody hears this"

    with Client(job_server.address) as submitter:
        submitter.do_background("lose", "x")
        with at_work(make_worker(job_server.address), lose=losing, f=echo):
            wait_until(lambda: lines(caplog, "its end could not be sent"))
            job_server.start()
            assert submitter.do("f", "y", timeout=PATIENCE) == b"y"
    assert job_server.address in outcomes[0]


def test_a_server_that_falls_silent_is_left_for_another(
    job_server: JobServer, submitter: Client, make_worker: MakeWorker
) -> None:
    with Scripted() as silent:
        worker = make_worker(f"{silent.address},{job_server.address}", reply_timeout=0.2)
        worker.register("f", lambda job: worker.stop())
        submitter.do_background("f")
        assert worker.work() == 1  # GRAB_JOB_UNIQ to the silent one may be under way


def test_nonsense_from_a_server_is_told_of_and_the_server_tried_again(
    caplog: pytest.LogCaptureFixture, make_worker: MakeWorker
) -> None:
    with Scripted() as server:
        with at_work(make_worker(server.address), f=echo):
            server.accept().sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer = server.accept()
            read_until(peer, request(c.GRAB_JOB_UNIQ))
            peer.sendall(response(c.JOB_ASSIGN_UNIQ, b"H:1", b"f", b"", b"hello"))
            read_until(peer, request(c.WORK_COMPLETE, b"H:1", b"hello"))
            peer.sendall(NO_JOB)
        assert len(lines(caplog, "HTTP/1.1 400 Bad Request")) == 1


def test_a_job_of_a_function_that_this_worker_never_named_fails(
    caplog: pytest.LogCaptureFixture, make_worker: MakeWorker
) -> None:
    with Scripted() as server, at_work(make_worker(server.address), f=echo):
        peer = server.accept()
        read_until(peer, request(c.GRAB_JOB_UNIQ))
        peer.sendall(response(c.JOB_ASSIGN_UNIQ, b"H:1", b"other", b"", b""))
        said = read_until(peer, request(c.GRAB_JOB_UNIQ))
        assert said.startswith(request(c.WORK_EXCEPTION, b"H:1", b"LookupError: this worker does not do 'other'"))
        peer.sendall(NO_JOB)
