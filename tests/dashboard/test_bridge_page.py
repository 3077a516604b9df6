"""The page of a bridge in a real browser: what it shows is so, and everybody can use it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import gearbridge
from gearbridge.ports import free_port
from gearbridge.stores.registry import store_for
from tests.fixtures.dashboard import HTTP, WatchedBridge
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.server import GearbridgeServer

    from .browser import Browser

FUNCTIONS, SERVERS = "#function-rows", "#server-rows"
NAMES = ("resize", "resize", "mail", "a-function-whose-name-is-longer-than-any-screen-of-a-phone-is-wide-" * 3)


def watched(folder: Path, start_bridge: StartBridge, servers: str) -> WatchedBridge:
    """A bridge that follows a job of each of NAMES."""
    url = f"sqlite:///{folder / 'shop.db'}"
    with closing(store_for(url)) as store:
        store.open()
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as db:
        for name in NAMES:
            gearbridge.enqueue(db, name, b"x")
    return WatchedBridge(start_bridge(url, servers, "--follow", *HTTP))


def test_it_shows_the_jobs_in_hand_and_the_job_servers(
    tmp_path: Path, gearbridge_server: GearbridgeServer, start_bridge: StartBridge, browser: Browser
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    bridge = watched(tmp_path, start_bridge, f"{nobody},{gearbridge_server.address}")
    browser.open(bridge.url)
    wait_until(lambda: browser.text("#sent") == "4")
    assert browser.text("#state") == "working"
    first, second = browser.table(SERVERS)
    assert first == [nobody, "not connected", "Connection refused"]
    assert second[:2] == [gearbridge_server.address, "connected"]
    wait_until(lambda: [row[:5] for row in browser.table(FUNCTIONS)][:1] == [["resize", "0", "0", "2", "2"]])
    browser.find("#search").send_keys("MAI")
    wait_until(lambda: [row[0] for row in browser.table(FUNCTIONS)] == ["mail"])
    gearbridge_server.kill()
    wait_until(lambda: browser.text("#state") == "no job server can be reached")
    wait_until(lambda: browser.text("#ready") == "4")
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(
    tmp_path: Path,
    gearbridge_server: GearbridgeServer,
    start_bridge: StartBridge,
    browser: Browser,
    width: int,
    scheme: str,
) -> None:
    bridge = watched(tmp_path, start_bridge, f"127.0.0.1:{free_port()},{gearbridge_server.address}")
    browser.open(bridge.url, width, 844, scheme)
    wait_until(lambda: len(browser.table(FUNCTIONS)) == 3 and len(browser.table(SERVERS)) == 2)
    assert browser.violations() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
