"""`gearbridge bench` against both job servers: every job it made is done, and it says how fast."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer

    from .conftest import Gearbridge


def test_background_jobs_are_submitted_and_worked_off(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    told = gearbridge("bench", "--servers", shared_job_server.address, "--jobs", "501", "--function", "bg").succeed()
    submitted, worked = told.decode().splitlines()
    assert submitted.startswith("submit       501 jobs ")
    assert submitted.endswith(" ms   (4 connections, 100 in flight)")
    assert worked.startswith("work         501 jobs ")
    assert "bg\t0\t0\t0" in shared_job_server.admin("status")


def test_without_workers_the_jobs_stay_queued(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    gearbridge(
        "bench", "--servers", shared_job_server.address, "--jobs", "12", "--workers", "0", "--function", "left"
    ).succeed()
    assert "left\t12\t0\t0" in shared_job_server.admin("status")


def test_round_trips(gearbridge: Gearbridge, shared_job_server: JobServer) -> None:
    load = ("--jobs", "300", "--connections", "3", "--in-flight", "7", "--workers", "2", "--function", "fg")
    told = gearbridge("bench", "--servers", shared_job_server.address, "--foreground", "--json", *load).succeed()
    trips = json.loads(told)["trips"]
    assert trips["jobs"] == 300
    assert 0 < trips["p50"] <= trips["p99"] <= trips["seconds"]
    assert trips["rate"] == pytest.approx(300 / trips["seconds"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--foreground", "--workers", "0"), "foreground jobs need workers"),
        (("--servers", "127.0.0.1:1,127.0.0.1:2"), "bench measures one server at a time"),
        (("--jobs", "0"), "Invalid value for '--jobs'"),
    ],
)
def test_wrong_usage(gearbridge: Gearbridge, arguments: tuple[str, ...], said: str) -> None:
    process = gearbridge("bench", *arguments)
    assert process.wait() == 2
    assert said in " ".join(process.stderr.split())
