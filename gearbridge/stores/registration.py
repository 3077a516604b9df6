"""How a server becomes a node: with the lock in hand that a server takes which has the table alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from .kept import free_kept
from .nodes import Clock, register
from .schema import node

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Namesake(NamedTuple):
    """A node that has our name: until when its lease runs, by the database's clock, and how many seconds that is."""

    until: float
    left: float


def is_new(connection: Connection) -> bool:
    """Whether no node, alive or dead, has the table: then a server may have had it alone just before."""
    return connection.execute(select(node.c.epoch).limit(1)).first() is None


def join(connection: Connection, lease: float, values: dict[str, Any], is_first: bool) -> int | Namesake:
    """Register the node and return its epoch, in a transaction of the caller's; or tell who has its name."""
    found = connection.execute(
        select(node.c.lease_until, node.c.lease_until - Clock()).where(node.c.name == values["name"])
    ).first()
    if found is not None:
        return Namesake(*found)
    if is_first:
        free_kept(connection)
    return register(connection, values, lease)
