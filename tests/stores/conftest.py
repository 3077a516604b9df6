"""Places where stores keep their jobs: one of every kind for the contract suite, job tables for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .place import DRIVERS, make_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.stores.interface import Store

    from .place import Place


@pytest.fixture(params=list(DRIVERS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a store keeps its jobs. A module may have a fixture of its own, for other kinds."""
    return make_place(request, str(request.param), tmp_path / "jobs.db")


@pytest.fixture
def fresh_place(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Place:
    """Another one of the same kind."""
    return make_place(request, place.kind, tmp_path / "more.db")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """A store that is open there."""
    store = place.store()
    store.open()
    yield store
    store.close()
