"""The log line about a job that was taken from its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.core.signals import TimeOut
from gearbridge.server.job_timeout_log import log_timeouts

if TYPE_CHECKING:
    import pytest


def test_names_of_workers_stay_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    log_timeouts([TimeOut(b"H:test:1", b"f\ng", "10.0.0.1", b"\xffid", 1.5)] * 5)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        r"job H:test:1 (function 'f\ng') was taken from its worker 10.0.0.1 ('\\xffid'), "
        "which did not end it within its time-out of 1.5 s"
    )
