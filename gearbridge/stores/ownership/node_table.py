"""The servers that share a job table: each is a row with a lease, and a claimed job's row has its epoch as owner.

All times are by the database's clock, so that those of the servers need not agree.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, bindparam, func, select, update
from sqlalchemy.exc import DBAPIError

from gearbridge.errors import StoreInUse

from ..database.clock import Clock
from ..database.errors import is_locked
from ..jobtable.live_nodes import LEASE_IS_OVER, alive
from ..jobtable.queries import BACKLOG, FIND
from ..jobtable.schema import WAITING, job, node

if TYPE_CHECKING:
    from sqlalchemy import Connection


_epochs = select(node.c.epoch)
#: Whether a job's row is unclaimed: a node that is gone takes its epoch along.
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
#: Waiting jobs that came over a socket, without those that this node has claimed.
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
#: The lease runs on; the load stays as it was last recorded.
RENEW = (
    node.update()
    .where(node.c.epoch == bindparam("mine"))
    .values(lease_until=Clock() + bindparam("lease", type_=Double))
)
#: Those of these rows that are unfinished still, locked; what another transaction holds is left out.
UNFINISHED = select(job.c.id).where(_ids, job.c.state == WAITING).with_for_update(skip_locked=True)
#: A change of the row that is the node's own.
COUNT = node.update().where(node.c.epoch == bindparam("mine")).values(writes=node.c.writes + 1)
_BEAT = (
    node.update()
    .where(node.c.epoch == bindparam("mine"))
    .values(lease_until=Clock() + bindparam("lease", type_=Double), jobs=bindparam("load"), workers=bindparam("hands"))
)


def demand_no_nodes(connection: Connection) -> None:
    """Demand that no node has the table, for the holder of its lock that wants it alone; the dead are forgotten.

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


def remove_dead(connection: Connection, end_session: str, only: str | None = None) -> list[str]:
    """Remove the nodes whose lease is over, and return their names. The connection waits for locks for a moment only.

    `only` is the name of the one that may be removed, where not all may.
    A node that hangs in the middle of a transaction holds its row: its session is ended with the statement
    `end_session`, `{}` being its number, and the row is removed the next time.
    """
    gone: list[str] = []
    for epoch, name, session in connection.execute(
        select(node.c.epoch, node.c.name, node.c.session).where(LEASE_IS_OVER)
    ):
        if only is not None and name != only:
            continue
        try:
            if connection.execute(node.delete().where(node.c.epoch == epoch, LEASE_IS_OVER)).rowcount:
                gone.append(name)
        except DBAPIError as error:
            if not is_locked(error):
                raise
            if connection.execute(select(node.c.epoch).where(node.c.epoch == epoch, LEASE_IS_OVER)).first() is None:
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
