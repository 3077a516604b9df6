"""The servers that share a job table: each is a row with a lease, and a claimed job's row has its epoch as owner.

All times are by the database's clock, so that those of the servers need not agree.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, bindparam, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from gearbridge.errors import StoreInUse

from .refusals import is_locked
from .schema import WAITING, job, node
from .statements import BACKLOG, FIND

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.types import TypeEngine


class Clock(FunctionElement[float]):
    """The seconds since 1970 by the database's clock."""

    type: TypeEngine[float] = Double()
    inherit_cache: bool | None = True


@compiles(Clock)
def _in_sqlite(*_: object, **_more: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(Clock, "postgresql")
def _in_postgresql(*_: object, **_more: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)"


@compiles(Clock, "mysql")
@compiles(Clock, "mariadb")
def _in_mysql(*_: object, **_more: object) -> str:
    return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)"


_epochs = select(node.c.epoch)
#: Whether nobody has a job's row: a node that is gone takes its epoch along.
FREE = job.c.owner.not_in(_epochs)
_ids = job.c.id.in_(bindparam("ids", expanding=True))
STILL_FREE = select(job.c.id).where(_ids, FREE)
TAKE = update(job).where(_ids).values(owner=bindparam("mine"))
GIVE_BACK = update(job).where(_ids).values(owner=0)
#: All that a node has, found by a walk over the table.
MINE = select(job.c.id).where(job.c.state == WAITING, job.c.owner == bindparam("mine"))
#: A node's row, locked against its removal, and in PostgreSQL not against its heartbeat.
OWN = select(node.c.epoch).where(node.c.epoch == bindparam("mine")).with_for_update(read=True, key_share=True)
#: A WaitingJob's columns, where nodes share the table.
FIND_SHARED = FIND.add_columns(
    job.c.owner.in_(_epochs).label("running"),
    *(func.coalesce(job.c[name], 0) for name in ("numerator", "denominator")),
)
#: What waits and came over a socket, without what this node has in hand.
BACKLOG_SHARED = BACKLOG.where(job.c.owner != bindparam("mine"))
NODES = select(
    node.c.name,
    (node.c.epoch == bindparam("mine")).label("mine"),
    (node.c.lease_until - Clock()).label("lease"),
    node.c.jobs,
    node.c.workers,
    node.c.version,
    node.c.since,
).order_by(node.c.name)
LEAVE = node.delete().where(node.c.epoch == bindparam("mine"))
#: The session that writes is another one now.
RESUME = node.update().where(node.c.epoch == bindparam("mine")).values(session=bindparam("to_session"))
#: A change of the row that is the node's own.
COUNT = node.update().where(node.c.epoch == bindparam("mine")).values(writes=node.c.writes + 1)
_BEAT = (
    node.update()
    .where(node.c.epoch == bindparam("mine"))
    .values(lease_until=Clock() + bindparam("lease", type_=Double), jobs=bindparam("load"), workers=bindparam("hands"))
)
_is_over = node.c.lease_until < Clock()


def alive(connection: Connection) -> list[str]:
    """The names of the nodes whose lease runs."""
    return list(connection.execute(select(node.c.name).where(~_is_over).order_by(node.c.name)).scalars())


def demand_no_nodes(connection: Connection) -> None:
    """See to it that nobody shares the table, for who has its lock and wants it alone; the dead are forgotten.

    Raises StoreInUse while a node's lease runs.
    """
    names = alive(connection)
    if names:
        raise StoreInUse(
            f"the job table is shared by the node{'s' if len(names) > 1 else ''} {', '.join(names)}; "
            "give this server a --node name too, or stop those first"
        )
    connection.execute(node.delete())


def beat(connection: Connection, mine: int, lease: float, jobs: int, workers: int) -> bool:
    """Renew a node's lease; whether it is there still."""
    values = {"mine": mine, "lease": lease, "load": jobs, "hands": workers}
    return connection.execute(_BEAT, values).rowcount == 1


def remove_dead(connection: Connection, end_session: str) -> list[str]:
    """Remove the nodes whose lease is over, and return their names. The connection waits for locks for a moment only.

    A node that hangs in the middle of a transaction holds its row: its session is ended with the statement
    `end_session`, `{}` being its number, and the row is removed the next time.
    """
    gone: list[str] = []
    for epoch, name, session in connection.execute(select(node.c.epoch, node.c.name, node.c.session).where(_is_over)):
        try:
            if connection.execute(node.delete().where(node.c.epoch == epoch, _is_over)).rowcount:
                gone.append(name)
        except DBAPIError as error:
            if not is_locked(error):
                raise
            if connection.execute(select(node.c.epoch).where(node.c.epoch == epoch, _is_over)).first() is None:
                continue  # gone by itself meanwhile, and may have begun anew over the same session
            with contextlib.suppress(DBAPIError):  # it has ended already
                connection.exec_driver_sql(end_session.format(session))
    return gone


def register(connection: Connection, values: dict[str, Any], lease: float) -> int:
    """Insert a node; return its epoch."""
    result = connection.execute(node.insert().values(lease_until=Clock() + lease, jobs=0, workers=0, **values))
    assert result.inserted_primary_key is not None
    epoch: int = result.inserted_primary_key[0]
    return epoch
