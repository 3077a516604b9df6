"""Takes the pictures of the dashboard for docs/images: a server with work to do for some forty seconds.

python -m tests.dashboard.screenshots
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gearbridge import Client
from tests.fixtures.dashboard import WatchedServer
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
    chance = random.Random(7)
    IMAGES.mkdir(exist_ok=True)
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


if __name__ == "__main__":
    main()
