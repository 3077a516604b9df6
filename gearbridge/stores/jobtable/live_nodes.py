"""The nodes whose lease runs, by the database's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from ..database.clock import Clock
from .schema import node

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEASE_IS_OVER = node.c.lease_until < Clock()


def alive(connection: Connection) -> list[str]:
    """The names of the nodes whose lease runs."""
    return list(connection.execute(select(node.c.name).where(~LEASE_IS_OVER).order_by(node.c.name)).scalars())
