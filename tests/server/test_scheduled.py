"""A job due later, over a restart of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .wire_client import WireClient

if TYPE_CHECKING:
    from tests.fixtures.server import GearbridgeServer

LATER = {"SUBMIT_JOB_SCHED": ("0", "0", "29", "2", "*"), "SUBMIT_JOB_EPOCH": ("7258118400",)}


@pytest.mark.parametrize("command", LATER)
def test_a_restart_neither_loses_nor_runs_it(gearbridge_server: GearbridgeServer, command: str) -> None:
    with WireClient(gearbridge_server.port) as client:
        created, handle = client.ask(command, "f", "", *LATER[command], "x")
        assert created == "JOB_CREATED"
    gearbridge_server.kill()
    gearbridge_server.start()
    with WireClient(gearbridge_server.port) as client:
        assert client.ask("GET_STATUS", handle) == ("STATUS_RES", handle, "1", "0", "0", "0")
        client.send("CAN_DO", "f")
        assert client.ask("GRAB_JOB") == ("NO_JOB",)
