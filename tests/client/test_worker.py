"""Both kinds of worker against real servers: they do their jobs, and tell their end."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, Job, JobException, JobFailed
from tests.fixtures.gearmand import Gearmand
from tests.fixtures.processes import PATIENCE, wait_until
from tests.fixtures.workers import at_work

if TYPE_CHECKING:
    from tests.client.kinds import MakeWorker
    from tests.fixtures.job_server import JobServer


def echo(job: Job) -> bytes:
    return job.payload


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


def test_what_a_job_tells(submitter: Client, make_worker: MakeWorker) -> None:
    jobs: list[Job] = []
    with at_work(make_worker(submitter.servers[0]), **{"two words": jobs.append}):
        handle = submitter.do_background("two words", b"\0payload", "my key")
        wait_until(lambda: jobs)
    (job,) = jobs
    assert (job.function, job.payload, job.unique_key, job.handle) == ("two words", b"\0payload", "my key", handle)
    assert repr(job) == f"<Job {handle} of 'two words', 8 bytes>"


def test_max_jobs(submitter: Client, make_worker: MakeWorker) -> None:
    submitter.do_background_many("f", "abc")
    worker = make_worker(submitter.servers)
    done: list[bytes] = []
    worker.register("f", lambda job: done.append(job.payload))
    assert worker.work(max_jobs=2) == 2
    assert done == [b"a", b"b"]
    # The third was not taken along: it waits.
    wait_until(lambda: "f\t1\t0\t0" in submitter.admin("status"))
    assert worker.work(max_jobs=1) == 1
    assert worker.work(max_jobs=0) == 0


def test_stop_finishes_the_job_in_hand(submitter: Client, make_worker: MakeWorker) -> None:
    in_hand, go_on = threading.Event(), threading.Event()

    def slow(job: Job) -> str:
        in_hand.set()
        assert go_on.wait(PATIENCE)
        return "finished"

    worker = make_worker(submitter.servers)
    worker.register("slow", slow)
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(worker.work()))
    results: list[bytes] = []
    waiting = threading.Thread(target=lambda: results.append(submitter.do("slow")))
    thread.start()
    waiting.start()
    assert in_hand.wait(PATIENCE)
    worker.stop()
    go_on.set()
    thread.join(PATIENCE)
    waiting.join(PATIENCE)
    assert (done, results) == ([1], [b"finished"])


def test_stop_from_a_callback_leaves_the_next_job_to_others(submitter: Client, make_worker: MakeWorker) -> None:
    submitter.do_background_many("f", ["first", "second"])
    worker = make_worker(submitter.servers)
    worker.register("f", lambda job: worker.stop())
    assert worker.work() == 1
    wait_until(lambda: "f\t1\t0\t0" in submitter.admin("status"))


def test_stop_from_a_signal_handler_ends_the_wait(submitter: Client, make_worker: MakeWorker) -> None:
    worker = make_worker(submitter.servers)
    worker.register("f", echo)
    before = signal.signal(signal.SIGUSR1, lambda number, frame: worker.stop())
    try:
        main = threading.main_thread().ident
        assert main is not None

        def interrupt() -> None:
            with Client(submitter.servers) as other:
                wait_until(lambda: "f\t0\t0\t1" in other.admin("status"))
            signal.pthread_kill(main, signal.SIGUSR1)

        thread = threading.Thread(target=interrupt)
        thread.start()
        assert worker.work() == 0
        thread.join(PATIENCE)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_stop_before_work(submitter: Client, make_worker: MakeWorker) -> None:
    worker = make_worker(submitter.servers)
    worker.register("f", echo)
    submitter.do_background("f")
    worker.stop()
    assert worker.work() == 0
    assert worker.work(max_jobs=1) == 1


def test_the_packet_that_ends_a_failing_job(
    submitter: Client, caplog: pytest.LogCaptureFixture, make_worker: MakeWorker
) -> None:
    def fail(job: Job) -> None:
        kinds = {b"fail": JobFailed(job.handle, "no luck"), b"text": ValueError("bad"), b"bare": KeyError()}
        raise kinds.get(job.payload, JobException(job.handle, b"\xff raw"))

    with at_work(make_worker(submitter.servers[0]), fail=fail, wrong=lambda job: 7):  # type: ignore[arg-type, return-value]  # on purpose
        with pytest.raises(JobFailed):
            submitter.do("fail", "fail")
        for payload, told in (("text", b"ValueError: bad"), ("bare", b"KeyError"), ("raw", b"\xff raw")):
            with pytest.raises(JobException) as caught:
                submitter.do("fail", payload)
            assert caught.value.payload == told
        with pytest.raises(JobException, match="the result of a job is bytes, str or None, not int"):
            submitter.do("wrong")
        assert submitter.admin("show jobs") == []  # each ended once
    assert lines(caplog, "JOB_NOT_FOUND") == []
    assert any("no luck" in line for line in lines(caplog, "failed"))


def test_what_is_no_exception_leaves_and_the_job_goes_to_another_worker(
    submitter: Client, make_worker: MakeWorker
) -> None:
    def interrupted(job: Job) -> None:
        raise KeyboardInterrupt

    submitter.do_background("f", "keep me")
    worker = make_worker(submitter.servers)
    worker.register("f", interrupted)
    with pytest.raises(KeyboardInterrupt):
        worker.work()
    done: list[bytes] = []
    with at_work(make_worker(submitter.servers[0]), f=lambda job: done.append(job.payload)):
        wait_until(lambda: done == [b"keep me"])


def test_the_server_takes_back_a_job_that_takes_too_long(
    submitter: Client, caplog: pytest.LogCaptureFixture, make_worker: MakeWorker, job_server: JobServer
) -> None:
    attempts: list[str] = []

    def slow(job: Job) -> None:
        attempts.append(job.handle)
        if len(attempts) == 1:
            with Client(submitter.servers) as other:
                wait_until(lambda: not other.status(job.handle).running)

    worker = make_worker(submitter.servers)
    worker.register("slow", slow, timeout=1)
    handle = submitter.do_background("slow")
    assert worker.work(max_jobs=2) == 2
    assert attempts == [handle, handle]
    # What the first attempt gets for its late end: gearmand's worker gets an ERROR, ours nothing.
    assert len(lines(caplog, "JOB_NOT_FOUND")) == (1 if isinstance(job_server, Gearmand) else 0)


def test_client_id(submitter: Client, make_worker: MakeWorker) -> None:
    worker = make_worker(submitter.servers, client_id="painter-7")
    worker.register("f", lambda job: worker.stop())
    seen: list[str] = []
    worker.register("look", lambda job: seen.extend(line for line in submitter.admin("workers") if "painter-7" in line))
    submitter.do_background("look")
    worker.work(max_jobs=1)
    assert len(seen) == 1
    assert sorted(seen[0].split(" : ")[1].split()) == ["f", "look"]


def test_functions_are_taken_up_and_given_up_while_the_worker_works(submitter: Client, make_worker: MakeWorker) -> None:
    def workers_of(function: str) -> str:
        return next(
            (line.split("\t")[3] for line in submitter.admin("status") if line.startswith(f"{function}\t")), "0"
        )

    submitter.do_background("later", "was there before")
    done: list[bytes] = []
    worker = make_worker(submitter.servers)
    with at_work(worker, first=echo):
        assert submitter.do("first", "1", timeout=PATIENCE) == b"1"  # it sleeps now, or soon
        worker.register("later", lambda job: done.append(job.payload))
        wait_until(lambda: done == [b"was there before"])
        worker.unregister("first")
        wait_until(lambda: workers_of("first") == "0")
        assert submitter.do("later", "2", timeout=PATIENCE) == b""
        submitter.do_background("first", "stays")
        worker.register("later", echo, timeout=5)  # another function, and counted once
        wait_until(lambda: workers_of("later") == "1")
        assert submitter.do("later", "3", timeout=PATIENCE) == b"3"
        worker.register("first", echo)
        wait_until(lambda: "first\t0\t0\t1" in submitter.admin("status"))
    with pytest.raises(ValueError, match="this worker does not do 'nothing'"):
        worker.unregister("nothing")


@pytest.mark.parametrize("client_id", ["", "two words", "nul\0"])
def test_client_ids_that_break_the_list_of_workers_are_refused(client_id: str, make_worker: MakeWorker) -> None:
    with pytest.raises(ValueError, match="client id"):
        make_worker(client_id=client_id)


def test_bad_registrations(make_worker: MakeWorker) -> None:
    worker = make_worker()
    with pytest.raises(ValueError, match="register a function first"):
        worker.work()
    for name in ("", "a\0b"):
        with pytest.raises(ValueError, match="function name"):
            worker.register(name, echo)
    for timeout in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="timeout"):
            worker.register("f", echo, timeout)
