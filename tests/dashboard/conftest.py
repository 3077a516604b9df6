"""A server that knows very many functions, and the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge import Client
from tests.fixtures.dashboard import WatchedServer

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
