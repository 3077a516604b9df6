"""The contract suite runs over every kind of table store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.postgres import make_database

from .place import DRIVERS, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gearbridge.stores.base import Store


@pytest.fixture(params=list(DRIVERS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a store keeps its jobs."""
    return make_place(request, str(request.param), tmp_path / "jobs.db")


@pytest.fixture
def fresh_place(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Place:
    """Another one of the same kind."""
    return make_place(request, place.kind, tmp_path / "more.db")


def make_place(request: pytest.FixtureRequest, kind: str, path: Path) -> Place:
    if kind == "postgresql":
        return Place(kind, make_database(request.getfixturevalue("postgres_cluster")).url)
    if kind == "mariadb":
        return Place(kind, request.getfixturevalue("mariadb").make_database())
    return Place(kind, f"sqlite:///{path}")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """A store that is open there."""
    store = place.store()
    store.open()
    yield store
    store.close()
