"""Nodes that share a place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gearbridge.stores.node import Node
from gearbridge.stores.registry import shared_store_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.base import SharedStore

    from .place import Place

#: Seconds of a lease that does not end by itself in a test, and of one that does.
LONG, SHORT = 60.0, 0.5


def node(place: Place, name: str, lease: float = LONG) -> SharedStore:
    """One that is not open yet."""
    return shared_store_for(place.url, Node(name, lease, "1.2.3"))


@contextmanager
def nodes(place: Place, *names: str, lease: float = LONG) -> Iterator[list[SharedStore]]:
    """Open ones, in this order, closed at the end."""
    stores = [node(place, name, lease) for name in names]
    try:
        for store in stores:
            store.open()
        yield stores
    finally:
        for store in stores:
            store.close()
