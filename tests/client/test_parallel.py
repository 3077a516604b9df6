"""Foreground jobs in parallel, with both kinds of client: together, in order, and all or an error."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from gearbridge import Job, JobException, JobFailed, ReplyTimeout
from tests.fixtures.processes import PATIENCE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge import Client


def test_results_come_in_the_order_of_the_payloads(client: Client) -> None:
    payloads = [str(number) for number in range(1200)]
    with working(client.servers[0], double=lambda job: job.payload * 2):
        results = client.do_all("double", payloads, timeout=PATIENCE)
    assert results == [(payload * 2).encode() for payload in payloads]
    assert client.do_all("double", []) == []


def test_jobs_run_at_the_same_time(client: Client) -> None:
    together = threading.Barrier(3)

    def meet(job: Job) -> bytes:
        together.wait(PATIENCE)
        job.send_data(b"met ")
        return job.payload

    with contextlib.ExitStack() as workers:
        for _ in range(3):
            workers.enter_context(working(client.servers[0], meet=meet))
        assert client.do_all("meet", ["a", "b", "c"], timeout=PATIENCE) == [b"met a", b"met b", b"met c"]


def test_large_payloads_and_results(client: Client) -> None:
    payloads = [bytes([number]) * 1_000_000 for number in range(8)]
    with working(client.servers[0], echo=lambda job: job.payload):
        assert client.do_all("echo", payloads, timeout=PATIENCE) == payloads


def test_warnings_are_told(client: Client) -> None:
    def warn(job: Job) -> None:
        job.send_warning(job.payload)

    warnings: list[bytes] = []
    with working(client.servers[0], warn=warn):
        assert client.do_all("warn", ["1", "2"], timeout=PATIENCE, on_warning=warnings.append) == [b"", b""]
    assert sorted(warnings) == [b"1", b"2"]


def test_one_that_fails_ends_the_call_and_leaves_a_clean_client(client: Client) -> None:
    def some(job: Job) -> bytes:
        if job.payload == b"fail":
            raise JobFailed("", "no")
        if job.payload == b"explode":
            raise JobException("", b"boom")
        return job.payload

    with working(client.servers[0], some=some):
        with pytest.raises(JobFailed):
            client.do_all("some", ["a", "fail", "b"], timeout=PATIENCE)
        with pytest.raises(JobException, match="boom"):
            client.do_all("some", ["a", "explode", "b"], timeout=PATIENCE)
        assert client.do_all("some", ["a"], timeout=PATIENCE) == [b"a"]


def test_a_timeout_says_how_many_are_missing(client: Client) -> None:
    with pytest.raises(ReplyTimeout, match="2 of 2 jobs"):
        client.do_all("nobody_does_this", ["a", "b"], timeout=0.05)
    assert client.ping() >= 0
