"""A bridge is tested over every database whose job table it reads, and before each kind of job server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.place import make_place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stores.place import Place


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A database with a job table, that no job server keeps its jobs in."""
    place = make_place(request, str(request.param), tmp_path / "shop.db")
    store = place.store()
    store.open()
    store.close()
    return place
