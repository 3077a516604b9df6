"""A trace on its way from either kind of client to either kind of worker, and past a server that knows no traces."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.processes import PATIENCE
from tests.fixtures.workers import at_work
from tests.test_traces import TRACE

if TYPE_CHECKING:
    from gearbridge import Client, Job
    from tests.client.kinds import MakeWorker, OpenClient
    from tests.fixtures.job_server import JobServer


def told_by(server: JobServer) -> str:
    return TRACE if server.kind == "gearbridge" else ""


def test_every_kind_of_submit_takes_a_trace(
    open_client: OpenClient, make_worker: MakeWorker, job_server: JobServer
) -> None:
    told: list[tuple[bytes, str]] = []

    def note(job: Job) -> str:
        told.append((job.payload, job.traceparent))
        return job.traceparent

    client = open_client(job_server.address)
    worker = make_worker(job_server.address)
    trace = told_by(job_server)
    client.do_background("f", "one", traceparent=TRACE)
    client.do_background("f", "two")
    client.do_background("f", "three", run_at=time.time() - 10, traceparent=TRACE)
    client.do_background_many("f", ["four", "five"], traceparent=TRACE)
    worker.register("f", note)
    worker.work(max_jobs=5)
    assert dict(told) == {b"one": trace, b"two": "", b"three": trace, b"four": trace, b"five": trace}
    with at_work(make_worker(job_server.address), f=note):
        assert client.do("f", traceparent=TRACE, timeout=PATIENCE).decode() == trace
        assert client.do("f", timeout=PATIENCE) == b""
        assert client.do_all("f", ["a", "b"], traceparent=TRACE, timeout=PATIENCE) == [trace.encode()] * 2


def test_what_is_no_traceparent_is_said_before_anything_is_sent(open_client: OpenClient) -> None:
    client = open_client("127.0.0.1:1")
    for call in (client.do, client.do_background):
        with pytest.raises(ValueError, match="'nonsense' is no traceparent"):
            call("f", traceparent="nonsense")
    for call_many in (client.do_all, client.do_background_many):
        with pytest.raises(ValueError, match="'nonsense' is no traceparent"):
            call_many("f", [], traceparent="nonsense")


def test_a_worker_says_nothing_of_a_server_that_knows_no_traces(
    make_worker: MakeWorker, job_server: JobServer, submitter: Client, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(job_server.address)
    worker.register("f", lambda job: None)
    submitter.do_background("f", traceparent=TRACE)
    worker.work(max_jobs=1)
    assert caplog.messages == []
