"""Admin commands that change something, confined to addresses; those that read stay open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.server.access import networks
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

from .wire_client import WireClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.processes import StartProcess

REFUSED = ["ERR NOT_PERMITTED Commands+that+change+something+are+not+taken+from+this+address"]


@pytest.mark.parametrize("confined", ["10.0.0.0/8,fd00::/8", "none"])
def test_from_elsewhere_one_may_read_and_change_nothing(confined: str, tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--admin-from", confined, "--allow-shutdown") as server:
        with WireClient(server.port) as client:
            handle = client.ask("SUBMIT_JOB_BG", "f", "", "x")[1]
        for line in (
            f"cancel job {handle}",
            "create function g",
            "drop function f",
            "maxqueue f 1",
            "MaxQueue f 1",
            "shutdown",
            "shutdown graceful",
            "cancel",
        ):
            assert server.admin(line) == REFUSED
        assert server.admin("status") == ["f\t1\t0\t0"]
        assert [line.split("\t")[0] for line in server.admin("show jobs")] == [handle]
        assert server.admin("getpid") == [f"OK {server.pid}"]
        assert server.admin("verbose") == ["OK INFO"]
        assert server.admin("nonsense")[0].startswith("ERR UNKNOWN_COMMAND")


@pytest.mark.parametrize("confined", ["127.0.0.1", " 127.0.0.0/8 , ::1 ", "0.0.0.0/0"])
def test_from_the_right_address_all_is_as_ever(confined: str, tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, "--admin-from", confined) as server:
        assert server.admin("create function g") == ["OK"]
        assert server.admin("drop function g") == ["OK"]


def test_what_is_no_network_is_one_clear_line(start_process: StartProcess) -> None:
    server = start_process(GEARBRIDGE, "server", "--port", "0", env={"GEARBRIDGE_SERVER_ADMIN_FROM": "10.0.0.1/8"})
    assert server.wait() == 1
    assert server.stderr.startswith("gearbridge: 10.0.0.1/8 has host bits set; write ADDRESS or NETWORK/BITS")
    assert server.stderr.count("\n") == 1


def test_an_empty_list_is_everybody_and_none_is_nobody() -> None:
    assert networks("") is None
    assert networks(" , ") is None
    assert networks("none") == ()
    with pytest.raises(ConfigurationError, match="'localhost' does not appear to be an IPv4 or IPv6 network"):
        networks("localhost")
