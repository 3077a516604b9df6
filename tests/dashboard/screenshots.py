"""Takes the pictures for docs/images: of a server with work to do for some forty seconds, and of a bridge.

python -m tests.dashboard.screenshots
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import gearbridge
from gearbridge import Client
from gearbridge.ports import free_port
from gearbridge.stores.registry import store_for
from tests.fixtures.bridge import StartBridge
from tests.fixtures.dashboard import HTTP, WatchedBridge, WatchedServer
from tests.fixtures.processes import process_starter, wait_until
from tests.fixtures.workers import working

from .browser import Browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge import Job

IMAGES = Path(__file__).parents[2] / "docs" / "images"
#: Seconds of history that the sparklines show.
SECONDS = 40
_ERRORS = ("IOError: no such file: /var/images/4711.png", "Timeout: smtp.example.org did not answer within 10 s")


def doing(chance: random.Random, seconds: float, error: str) -> Callable[[Job], bytes]:
    def do(_job: Job) -> bytes:
        time.sleep(chance.uniform(0.5, 1.5) * seconds)
        if chance.random() < 0.0006:
            raise RuntimeError(error)
        return b""

    return do


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    show_a_server()
    show_a_bridge()


def show_a_server() -> None:
    chance = random.Random(7)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(WatchedServer(folder))
        resize, mail = doing(chance, 0.012, _ERRORS[0]), doing(chance, 0.03, _ERRORS[1])
        for _ in range(3):
            stack.enter_context(working(server.address, resize=resize, thumbnail=resize))
        stack.enter_context(working(server.address, send_mail=mail, index=mail))
        client = stack.enter_context(Client(server.address))
        client.do_background_many("nightly_report", [b"x"] * 12)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            wave = 1 + 0.8 * ((time.monotonic() % 17) / 17)
            for function, rate in (("resize", 16), ("thumbnail", 9), ("send_mail", 4.5), ("index", 3)):
                client.do_background_many(function, [b"x"] * int(chance.gauss(rate * wave, 2)))
            time.sleep(0.1)
        browser = stack.enter_context(Browser(folder / "profile"))
        for name, width, height, scheme in (
            ("dashboard", 1180, 860, "light"),
            ("dashboard-dark", 1180, 860, "dark"),
            ("dashboard-phone", 390, 844, "light"),
        ):
            browser.open(server.url, width, height, scheme)
            browser.driver.save_screenshot(str(IMAGES / f"{name}.png"))


def show_a_bridge() -> None:
    """One whose first job server is away, with a thousand jobs handed over and some followed."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "server").mkdir()
        server = stack.enter_context(WatchedServer(folder / "server"))
        stack.enter_context(contextlib.chdir(folder))  # its name is not for the picture
        url = "sqlite:///shop.db"
        with contextlib.closing(store_for(url)) as store:
            store.open()
        start = StartBridge(stack.enter_context(process_starter()))
        bridge = WatchedBridge(start(url, f"127.0.0.1:{free_port()},{server.address}", *HTTP))
        db = stack.enter_context(contextlib.closing(sqlite3.connect("shop.db")))
        with db:
            for number in range(1000):
                gearbridge.enqueue(db, "send_mail", b"%d" % number)
            for number in range(240):
                gearbridge.enqueue(db, "resize", b"%d" % number, keep_result=True)
            for _ in range(12):
                gearbridge.enqueue(db, "nightly_report", b"", max_attempts=3)
        browser = stack.enter_context(Browser(folder / "profile"))
        browser.open(bridge.url, 1180, 680)
        with working(server.address, resize=doing(random.Random(7), 0.001, "")):
            wait_until(lambda: browser.text("#sent") == "12")
        browser.driver.save_screenshot(str(IMAGES / "bridge.png"))


if __name__ == "__main__":
    main()
