"""Nodes that share a place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import update

from gearbridge.records import Put, StoredJob
from gearbridge.stores.interface import Node
from gearbridge.stores.jobtable.schema import node as node_table
from gearbridge.stores.registry import shared_store_for
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.interface import SharedStore

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


def spilled(handle: str, key: bytes = b"", function: bytes = b"f", due: int = 0) -> Put:
    return Put(StoredJob(handle.encode(), function, b"\0\xff", key, 1, due), spilled=True)


def beats_until_alone(store: SharedStore) -> list[str]:
    """Beat until another node's lease is over, and tell whose were."""
    gone: list[str] = []

    def is_gone() -> bool:
        gone.extend(store.beat(0, 0))
        return bool(gone)

    wait_until(is_gone, what="the end of another node's lease")
    return gone


def end_lease(place: Place, name: str) -> None:
    """What time does, at once."""
    with place.connect() as connection:
        connection.execute(update(node_table).where(node_table.c.name == name).values(lease_until=1))
