"""What a server that had the table alone left in it, made ready for nodes: they claim all that they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select, update

from .schema import KEPT, WAITING, job

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Rows changed by one statement.
_ROWS = 1000

_same = select(
    job.c.id,
    job.c.state,
    func.row_number()
    .over(partition_by=(job.c.function, job.c.unique_key), order_by=(job.c.state.desc(), job.c.id))
    .label("place"),
).where(job.c.state.in_((KEPT, WAITING)), job.c.unique_key != "")
_places = _same.subquery()
#: Of equal unique keys one may wait: what waits already, or else the oldest.
_TWICE = select(_places.c.id).where(_places.c.place > 1, _places.c.state == KEPT)
_WITHOUT_KEY = update(job).where(job.c.id.in_(bindparam("ids", expanding=True))).values(unique_key="")


def free_kept(connection: Connection) -> None:
    """Let the rows wait that were in the memory of a server which is gone."""
    if connection.execute(select(job.c.id).where(job.c.state == KEPT).limit(1)).first() is None:
        return
    twice = connection.execute(_TWICE).scalars().all()
    for start in range(0, len(twice), _ROWS):
        connection.execute(_WITHOUT_KEY, {"ids": twice[start : start + _ROWS]})
    connection.execute(update(job).where(job.c.state == KEPT).values(state=WAITING))
