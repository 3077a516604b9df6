"""The log lines about single jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.core.incidents import FailedJob, LostWorker, TimeOut
from gearbridge.server.incident_log import IncidentLog

if TYPE_CHECKING:
    import pytest

    from gearbridge.core.incidents import Incident


def lines(caplog: pytest.LogCaptureFixture, *incidents: Incident, more: int = 0) -> list[str]:
    IncidentLog().write([(incidents, more)])
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    return [record.getMessage() for record in caplog.records]


def test_names_of_workers_stay_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = lines(caplog, TimeOut(b"H:test:1", b"f\ng", "10.0.0.1", b"\xffid", 1.5))
    assert line == (
        r"job H:test:1 (function 'f\ng') was taken from its worker 10.0.0.1 ('\\xffid'), "
        "which did not end it within its time-out of 1.5 s"
    )
    assert vars(caplog.records[0])["handles"] == ["H:test:1"]
    assert vars(caplog.records[0])["functions"] == ["f\ng"]


def test_a_lost_worker_and_a_failure_name_the_job(caplog: pytest.LogCaptureFixture) -> None:
    lost = LostWorker(b"H:test:1", b"f", "10.0.0.1", b"-", 0)
    assert lines(caplog, lost) == [
        "job H:test:1 (function 'f') has lost its worker 10.0.0.1 ('-'), whose connection ended"
    ]
    caplog.clear()
    error = "a\nb" * 1000
    assert lines(caplog, FailedJob(b"H:test:2", b"f", error, 2)) == [
        f"job H:test:2 (function 'f') has failed for good, after 2 earlier attempts: {error[:200]!r}"
    ]


def test_a_crowd_of_them_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = IncidentLog()
    log.write([([FailedJob(b"H:%d" % number, b"f", "e", 0) for number in range(20)], 980)])
    assert len(caplog.records) == 5
    log.write([([LostWorker(b"H:1", b"f", "10.0.0.1", b"-", 0)], 0)], ["a notice"])
    assert [record.getMessage() for record in caplog.records[5:]] == [
        "a notice",
        "job H:1 (function 'f') has lost its worker 10.0.0.1 ('-'), whose connection ended",
    ]
