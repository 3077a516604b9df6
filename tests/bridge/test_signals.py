"""Signals that come to a bridge that has not got, or has only just got, the job table."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from gearbridge.stores.registry import store_for
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.processes import Process, StartProcess

#: A bridge that is told to stop at the very moment at which it has got the table.
_TOLD_WHILE_TAKING = """
import os, signal, sys
from gearbridge.bridge.config import BridgeConfig
from gearbridge.bridge.daemon import run
from gearbridge.server.service import no_companions
from gearbridge.process.signals import Signals
from gearbridge.stores.sqlite.store import SQLiteStore

take = SQLiteStore.open

def take_and_be_told(store):
    take(store)
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))

SQLiteStore.open = take_and_be_told
signals = Signals()
with signals.heeded():
    run(BridgeConfig(sys.argv[1], ("127.0.0.1:1",)), print, no_companions, signals)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_bridge_that_is_told_to_stop_while_it_takes_the_table_stops(
    tmp_path: Path, start_process: StartProcess, name: str
) -> None:
    script = tmp_path / "bridge.py"
    script.write_text(_TOLD_WHILE_TAKING)
    start_process(sys.executable, script, f"sqlite:///{tmp_path}/jobs.db", name).succeed()


@pytest.fixture
def standing_by(tmp_path: Path, start_process: StartProcess) -> Iterator[Process]:
    """A bridge whose table another one has; it logs into a file, "log"."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    store = store_for(url)
    store.open()
    bridge = start_process(
        GEARBRIDGE, "bridge", "--database", url, "--servers", "127.0.0.1:1", "--log-file", tmp_path / "log"
    )
    wait_until(lambda: "standing by" in _text(tmp_path / "log"))
    yield bridge
    store.close()


def test_one_that_stands_by_stops_gracefully_at_once(standing_by: Process) -> None:
    standing_by.send_signal(signal.SIGUSR1)
    standing_by.succeed()


def test_one_that_stands_by_opens_its_log_anew(standing_by: Process, tmp_path: Path) -> None:
    (tmp_path / "log").rename(tmp_path / "log.1")
    standing_by.send_signal(signal.SIGHUP)
    wait_until((tmp_path / "log").exists)
    assert standing_by.running


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
