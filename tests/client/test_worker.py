"""The worker against real servers: it does its jobs, tells their end, and outlives its servers."""

from __future__ import annotations

import logging
import select
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, ConnectionLost, Job, JobException, JobFailed, Worker
from gearbridge.wire import commands as c
from gearbridge.wire.packets import NO_JOB, NOOP, request, response
from tests.client.scripted import Scripted
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.processes import PATIENCE, free_port, wait_until
from tests.fixtures.workers import working

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.job_server import JobServer


@pytest.fixture
def client(job_server: JobServer) -> Iterator[Client]:
    with Client(job_server.address, reply_timeout=PATIENCE) as client:
        yield client


def echo(job: Job) -> bytes:
    return job.payload


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


def test_what_a_job_tells(client: Client) -> None:
    jobs: list[Job] = []
    with working(client.servers[0], **{"two words": jobs.append}):
        handle = client.do_background("two words", b"\0payload", "my key")
        wait_until(lambda: jobs)
    (job,) = jobs
    assert (job.function, job.payload, job.unique_key, job.handle) == ("two words", b"\0payload", "my key", handle)
    assert repr(job) == f"<Job {handle} of 'two words', 8 bytes>"


def test_max_jobs(client: Client) -> None:
    client.do_background_many("f", "abc")
    worker = Worker(client.servers)
    done: list[bytes] = []
    worker.register("f", lambda job: done.append(job.payload))
    assert worker.work(max_jobs=2) == 2
    assert done == [b"a", b"b"]
    # The third was not taken along: it waits.
    wait_until(lambda: "f\t1\t0\t0" in client.admin("status"))
    assert worker.work(max_jobs=1) == 1
    assert worker.work(max_jobs=0) == 0


def test_stop_finishes_the_job_in_hand(client: Client) -> None:
    in_hand, go_on = threading.Event(), threading.Event()

    def slow(job: Job) -> str:
        in_hand.set()
        assert go_on.wait(PATIENCE)
        return "finished"

    worker = Worker(client.servers)
    worker.register("slow", slow)
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(worker.work()))
    results: list[bytes] = []
    waiting = threading.Thread(target=lambda: results.append(client.do("slow")))
    thread.start()
    waiting.start()
    assert in_hand.wait(PATIENCE)
    worker.stop()
    go_on.set()
    thread.join(PATIENCE)
    waiting.join(PATIENCE)
    assert (done, results) == ([1], [b"finished"])


def test_stop_from_a_callback_leaves_the_next_job_to_others(client: Client) -> None:
    client.do_background_many("f", ["first", "second"])
    worker = Worker(client.servers)
    worker.register("f", lambda job: worker.stop())
    assert worker.work() == 1
    wait_until(lambda: "f\t1\t0\t0" in client.admin("status"))


def test_stop_from_a_signal_handler_ends_the_wait(client: Client) -> None:
    worker = Worker(client.servers)
    worker.register("f", echo)
    before = signal.signal(signal.SIGUSR1, lambda number, frame: worker.stop())
    try:
        main = threading.main_thread().ident
        assert main is not None

        def interrupt() -> None:
            with Client(client.servers) as other:
                wait_until(lambda: "f\t0\t0\t1" in other.admin("status"))
            signal.pthread_kill(main, signal.SIGUSR1)

        thread = threading.Thread(target=interrupt)
        thread.start()
        assert worker.work() == 0
        thread.join(PATIENCE)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_stop_before_work(client: Client) -> None:
    worker = Worker(client.servers)
    worker.register("f", echo)
    client.do_background("f")
    worker.stop()
    assert worker.work() == 0
    assert worker.work(max_jobs=1) == 1


def test_the_packet_that_ends_a_failing_job(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    def fail(job: Job) -> None:
        kinds = {b"fail": JobFailed(job.handle, "no luck"), b"text": ValueError("bad"), b"bare": KeyError()}
        raise kinds.get(job.payload, JobException(job.handle, b"\xff raw"))

    with working(client.servers[0], fail=fail, wrong=lambda job: 7):  # type: ignore[arg-type, return-value]  # on purpose
        with pytest.raises(JobFailed):
            client.do("fail", "fail")
        for payload, told in (("text", b"ValueError: bad"), ("bare", b"KeyError"), ("raw", b"\xff raw")):
            with pytest.raises(JobException) as caught:
                client.do("fail", payload)
            assert caught.value.payload == told
        with pytest.raises(JobException, match="the result of a job is bytes, str or None, not int"):
            client.do("wrong")
        assert client.admin("show jobs") == []  # each ended once
    assert lines(caplog, "JOB_NOT_FOUND") == []
    assert any("no luck" in line for line in lines(caplog, "failed"))


def test_what_is_no_exception_leaves_and_the_job_goes_to_another_worker(client: Client) -> None:
    def interrupted(job: Job) -> None:
        raise KeyboardInterrupt

    client.do_background("f", "keep me")
    worker = Worker(client.servers)
    worker.register("f", interrupted)
    with pytest.raises(KeyboardInterrupt):
        worker.work()
    done: list[bytes] = []
    with working(client.servers[0], f=lambda job: done.append(job.payload)):
        wait_until(lambda: done == [b"keep me"])


def test_the_server_takes_back_a_job_that_takes_too_long(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[str] = []

    def slow(job: Job) -> None:
        attempts.append(job.handle)
        if len(attempts) == 1:
            with Client(client.servers) as other:
                wait_until(lambda: not other.status(job.handle).running)

    worker = Worker(client.servers)
    worker.register("slow", slow, timeout=1)
    handle = client.do_background("slow")
    assert worker.work(max_jobs=2) == 2
    assert attempts == [handle, handle]
    assert len(lines(caplog, "JOB_NOT_FOUND")) == 1  # what the first attempt got for its late end


def test_client_id(client: Client) -> None:
    worker = Worker(client.servers, client_id="painter-7")
    worker.register("f", lambda job: worker.stop())
    seen: list[str] = []
    worker.register("look", lambda job: seen.extend(line for line in client.admin("workers") if "painter-7" in line))
    client.do_background("look")
    worker.work(max_jobs=1)
    assert len(seen) == 1
    assert sorted(seen[0].split(" : ")[1].split()) == ["f", "look"]


@pytest.mark.parametrize("client_id", ["", "two words", "nul\0"])
def test_client_ids_that_break_the_list_of_workers_are_refused(client_id: str) -> None:
    with pytest.raises(ValueError, match="client id"):
        Worker(client_id=client_id)


def test_bad_registrations() -> None:
    worker = Worker()
    with pytest.raises(ValueError, match="register a function first"):
        worker.work()
    for name in ("", "a\0b"):
        with pytest.raises(ValueError, match="function name"):
            worker.register(name, echo)
    for timeout in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="timeout"):
            worker.register("f", echo, timeout)


def test_all_servers_are_served(job_server: JobServer, tmp_path: Path) -> None:
    with Gearmand(tmp_path) as other:
        servers = f"{job_server.address},{other.address}"
        with working(servers, f=echo), Client(job_server.address) as one, Client(other.address) as two:
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


def test_servers_with_jobs_take_turns() -> None:
    grab, sleep = request(c.GRAB_JOB_UNIQ), request(c.PRE_SLEEP)
    end = request(c.WORK_COMPLETE, b"H:1", b"")
    with Scripted() as one, Scripted() as two:
        second: list[socket.socket] = []

        def first_job(job: Job) -> None:
            # While this job of the first server is in hand, the second one gets work too.
            second[0].sendall(NOOP)

        with working(f"{one.address},{two.address}", f=first_job):
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
    job_server: JobServer, client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = Gearmand(tmp_path)
    other.port = free_port()
    with working(f"{other.address},{job_server.address}", f=echo):
        assert client.do("f", "x", timeout=PATIENCE) == b"x"
        wait_until(lambda: lines(caplog, "is away"))
        with other, Client(other.address) as second:
            assert second.do("f", "y", timeout=PATIENCE) == b"y"
        assert client.do("f", "z", timeout=PATIENCE) == b"z"
    away, *again = lines(caplog, other.address)
    assert "is away, trying again until it is back: it cannot be reached (Connection refused)" in away
    assert again[0] == f"job server {other.address} is back"


def test_a_worker_outlives_its_server(job_server: JobServer, caplog: pytest.LogCaptureFixture) -> None:
    with working(job_server.address, f=echo), Client(job_server.address) as client:
        assert client.do("f", "before", timeout=PATIENCE) == b"before"
        job_server.restart()
        assert client.do("f", "after", timeout=PATIENCE) == b"after"
    assert lines(caplog, "it closed the connection")


def test_a_server_that_dies_under_a_job(job_server: JobServer, caplog: pytest.LogCaptureFixture) -> None:
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

    with Client(job_server.address) as client:
        client.do_background("lose", "x")
        with working(job_server.address, lose=losing, f=echo):
            wait_until(lambda: lines(caplog, "its end could not be told"))
            job_server.start()
            assert client.do("f", "y", timeout=PATIENCE) == b"y"
    assert job_server.address in outcomes[0]


def test_a_server_that_falls_silent_is_left_for_another(job_server: JobServer, client: Client) -> None:
    with Scripted() as silent:
        worker = Worker(f"{silent.address},{job_server.address}", reply_timeout=0.2)
        worker.register("f", lambda job: worker.stop())
        client.do_background("f")
        assert worker.work() == 1  # GRAB_JOB_UNIQ to the silent one may be under way


def test_nonsense_from_a_server_is_told_of_and_the_server_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with Scripted() as server:
        with working(server.address, f=echo):
            server.accept().sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer = server.accept()
            read_until(peer, request(c.GRAB_JOB_UNIQ))
            peer.sendall(response(c.JOB_ASSIGN_UNIQ, b"H:1", b"f", b"", b"hello"))
            read_until(peer, request(c.WORK_COMPLETE, b"H:1", b"hello"))
            peer.sendall(NO_JOB)
        assert len(lines(caplog, "HTTP/1.1 400 Bad Request")) == 1


def test_a_job_of_a_function_that_this_worker_never_named_fails(caplog: pytest.LogCaptureFixture) -> None:
    with Scripted() as server, working(server.address, f=echo):
        peer = server.accept()
        read_until(peer, request(c.GRAB_JOB_UNIQ))
        peer.sendall(response(c.JOB_ASSIGN_UNIQ, b"H:1", b"other", b"", b""))
        said = read_until(peer, request(c.GRAB_JOB_UNIQ))
        assert said.startswith(request(c.WORK_EXCEPTION, b"H:1", b"LookupError: this worker does not do 'other'"))
        peer.sendall(NO_JOB)
