"""How many jobs of a function may wait, as the servers agree on it that share a job table: admin's maxqueue."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import select

from ..jobtable.names import from_text, to_text
from ..jobtable.schema import limit, version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from gearbridge.records import Limits

#: Has servers that write the same limits wait for each other, where the rows may not be there yet.
_IN_TURN = select(version.c.version).with_for_update()


def read(connection: Connection) -> dict[bytes, Limits]:
    """Those that there are, by function."""
    rows = connection.execute(select(limit.c.function, limit.c.high, limit.c.normal, limit.c.low))
    return {from_text(function): (high, normal, low) for function, high, normal, low in rows}


def write(connection: Connection, limits: Mapping[bytes, Limits]) -> None:
    """Put these in the place of what there was for their functions, in a transaction of the caller's."""
    connection.execute(_IN_TURN)
    slots = {function: sha256(function).hexdigest() for function in limits}
    connection.execute(limit.delete().where(limit.c.slot.in_(list(slots.values()))))
    rows = [
        {"slot": slots[function], "function": to_text(function), "high": high, "normal": normal, "low": low}
        for function, (high, normal, low) in limits.items()
        if high or normal or low
    ]
    if rows:
        connection.execute(limit.insert(), rows)
