"""A server that knows very many functions, and the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.fixtures.dashboard import WatchedServer

from .browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 10_000


@pytest.fixture
def many(tmp_path: Path) -> Iterator[WatchedServer]:
    """A watched server with 10,000 functions, one job waiting in each: f0 to f9999."""
    with WatchedServer(tmp_path, "--store", "memory:") as server:
        with Client(server.address) as client:
            for number in range(MANY):
                client.do_background(f"f{number}", b"x")
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium, with a profile of its own."""
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
