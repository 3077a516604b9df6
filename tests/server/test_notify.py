"""What the server and the bridge tell systemd, and the units that are shipped for them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gearbridge.ports import free_port
from gearbridge.stores.registry import store_for
from tests.fixtures.processes import PATIENCE
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.processes import StartProcess

UNITS = Path(__file__).parent.parent.parent / "docs" / "examples" / "systemd"


@pytest.fixture(params=["in a file", "in no file system"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], dict[str, str]]]]:
    """A socket as systemd opens one for a unit: its address as a variable has it, and a function that hears."""
    name = str(tmp_path / "notify") if request.param == "in a file" else f"\0{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(name)
        opened.settimeout(PATIENCE)

        def hear() -> dict[str, str]:
            return dict(line.split("=", 1) for line in opened.recv(4096).decode().splitlines())

        yield name.replace("\0", "@"), hear


def test_the_manager_is_told_when_it_serves_reloads_and_stops(
    manager: tuple[str, Callable[[], dict[str, str]]], tmp_path: Path, start_process: StartProcess
) -> None:
    address, hear = manager
    port = free_port()
    server = start_process(
        GEARBRIDGE, "server", "--port", str(port), "--log-file", tmp_path / "log", env={"NOTIFY_SOCKET": address}
    )
    told = hear()
    assert told["READY"] == "1"
    assert f"listening on 127.0.0.1:{port}" in told["STATUS"]
    with socket.create_connection(("127.0.0.1", port)):  # it was no promise, it was so
        (tmp_path / "log").rename(tmp_path / "log.1")
        server.send_signal(signal.SIGHUP)
        told = hear()
        assert told["RELOADING"] == "1"
        assert int(told["MONOTONIC_USEC"]) > 0
        assert hear() == {"READY": "1"}
        assert (tmp_path / "log").exists()
        server.send_signal(signal.SIGTERM)
        assert hear() == {"STOPPING": "1"}
    assert server.wait() == 0


def test_the_manager_is_told_when_a_bridge_stands_by_works_reloads_and_stops(
    manager: tuple[str, Callable[[], dict[str, str]]], tmp_path: Path, start_process: StartProcess
) -> None:
    address, hear = manager
    store = store_for(f"sqlite:///{tmp_path / 'shop.db'}")
    store.open()
    words = (
        "--database",
        f"sqlite:///{tmp_path / 'shop.db'}",
        "--servers",
        "127.0.0.1:1",
        "--log-file",
        tmp_path / "log",
    )
    bridge = start_process(GEARBRIDGE, "bridge", *words, env={"NOTIFY_SOCKET": address})
    told = hear()
    assert told["READY"] == "1", "one that stands by does what it is there for"
    assert "stands by" in told["STATUS"]
    store.close()
    told = hear()
    assert told["READY"] == "1"
    assert "takes jobs from sqlite" in told["STATUS"]
    (tmp_path / "log").rename(tmp_path / "log.1")
    bridge.send_signal(signal.SIGHUP)
    assert hear()["RELOADING"] == "1"
    assert hear() == {"READY": "1"}
    assert (tmp_path / "log").exists()
    bridge.send_signal(signal.SIGTERM)
    assert hear() == {"STOPPING": "1"}
    assert bridge.wait() == 0


def test_a_manager_that_is_gone_changes_nothing(tmp_path: Path, start_process: StartProcess) -> None:
    server = start_process(GEARBRIDGE, "server", "--port", "0", env={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    server.wait_for_stderr("listening on")
    assert server.terminate() == 0


@pytest.mark.parametrize("unit", ["gearbridge.service", "gearbridge-bridge.service", "gearbridge-worker@.service"])
def test_systemd_takes_the_unit_and_calls_it_safe(unit: str, tmp_path: Path) -> None:
    text = (UNITS / unit).read_text(encoding="utf-8").replace("/opt/gearbridge/bin/gearbridge", str(GEARBRIDGE))
    copy = tmp_path / unit
    copy.write_text(text, encoding="utf-8")
    verified = analyze("verify", "--man=no", "--recursive-errors=no", str(copy))
    assert verified.returncode == 0, verified.stderr
    assert not verified.stderr
    security = analyze("security", "--offline=true", str(copy)).stdout
    exposure = re.search(r"exposure level for \S+ ([\d.]+)", security)
    assert exposure, security
    assert float(exposure[1]) < 4  # systemd's "OK"; 9.6 is a unit that says nothing


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
