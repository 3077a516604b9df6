"""A real browser, and what a person or a checker sees in it. It knows the page's headings, not its code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from selenium.webdriver.remote.webelement import WebElement

AXE = Path(__file__).with_name("page") / "node_modules" / "axe-core" / "axe.min.js"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


class Browser:
    """One window. A context manager; leaving it ends the browser."""

    def __init__(self, profile: Path) -> None:
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        assert chromium, "chromium is missing: .ci/test-packages installs it"
        assert driver, "chromedriver is missing: .ci/test-packages installs it"
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))

    def open(self, url: str, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Open a page in a window of this size, with the user's liking for light or dark."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        self.driver.get("about:blank")  # the page before asks no more
        self.complaints()
        self.driver.get(url)
        wait_until(lambda: self.text("#state") not in {"", "connecting …"}, what="the first answer")

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What stands there now; '' where there is nothing."""
        script = "return document.querySelector(arguments[0])?.textContent ?? ''"
        return str(self.run(script, selector))

    def table(self, body: str) -> list[list[str]]:
        """The texts of a table's cells, at one moment."""
        script = (
            "return [...document.querySelectorAll(arguments[0] + ' > tr')]"
            ".map(row => [...row.children].map(cell => cell.textContent))"
        )
        return list(self.run(script, body))

    def run(self, script: str, *arguments: object) -> Any:
        """Run a function body in the page."""
        return self.driver.execute_script(script, *arguments)

    def violations(self) -> list[str]:
        """What axe finds wrong, with all its rules, best practices too."""
        self.run(AXE.read_text(encoding="utf-8"))
        script = "const done = arguments[0]; axe.run().then(found => done(JSON.stringify(found.violations)))"
        found = json.loads(self.driver.execute_async_script(script))
        return [f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found for node in one["nodes"]]

    def complaints(self) -> list[str]:
        """What the console says since the last look: errors, and what the page's policy refused."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.driver.quit()
