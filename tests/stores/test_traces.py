"""A job's trace outlives kill -9 of the server, in every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working
from tests.test_traces import TRACE

from .place import DRIVERS, ITEMS

if TYPE_CHECKING:
    from pathlib import Path

    from .place import Place


@pytest.mark.parametrize("place", [*(kind for kind in DRIVERS if kind != "plain"), *ITEMS], indirect=True)
def test_a_trace_outlives_the_server(place: Place, tmp_path: Path) -> None:
    told: list[tuple[bytes, str]] = []
    with GearbridgeServer(tmp_path, "--store", place.url) as server:
        with Client(server.address) as client:
            client.do_background("f", "traced", traceparent=TRACE)
            client.do_background("f", "plain")
        server.kill()
        server.start()
        with working(server.address, f=lambda job: told.append((job.payload, job.traceparent))):
            wait_until(lambda: len(told) == 2)
    assert told == [(b"traced", TRACE), (b"plain", "")]


@pytest.mark.parametrize("place", [kind for kind in DRIVERS if kind != "plain"], indirect=True)
def test_a_trace_waits_with_its_job_beyond_the_window(place: Place, tmp_path: Path) -> None:
    told: list[tuple[bytes, str]] = []
    with GearbridgeServer(tmp_path, "--store", place.url, "--window", "5") as server:
        with Client(server.address) as client:
            for number in range(20):
                client.do_background("f", b"%d" % number, traceparent=TRACE if number % 2 else None)
        with working(server.address, f=lambda job: told.append((job.payload, job.traceparent))):
            wait_until(lambda: len(told) == 20)
    assert told == [(b"%d" % number, TRACE if number % 2 else "") for number in range(20)]
