"""A node's heartbeat: renews its lease and removes those whose lease is over, beside whatever the store is doing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from gearbridge.errors import StoreFenced, StoreUnavailable

from .broken import discard, reason
from .nodes import beat, remove_dead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

#: What a node is told that is one no more.
FENCED = "this node's lease was over, and its jobs are other nodes' now"


class Manners(NamedTuple):
    """What a database must be told: to prepare a session that waits for locks for a second only, and to ring."""

    prepare: tuple[str, ...]
    ring: tuple[str, ...] = ()


class Heartbeat:
    """One connection, made by `connect` and made anew after it broke. `end_session` is for remove_dead."""

    def __init__(self, connect: Callable[[], Connection], manners: Manners, end_session: str) -> None:
        self._connect = connect
        self._manners = manners
        self._end_session = end_session
        self._connection: Connection | None = None

    def beat(self, mine: int, lease: float, jobs: int, workers: int) -> list[str]:
        """Renew this node's lease, then remove the dead; raises StoreFenced and StoreUnavailable."""
        with self._connected() as connection:
            if not beat(connection, mine, lease, jobs, workers):
                raise StoreFenced(FENCED)
        return self.sweep()

    def sweep(self) -> list[str]:
        """Remove the nodes whose lease is over, and return their names; raises StoreUnavailable."""
        with self._connected() as connection:
            gone = remove_dead(connection, self._end_session)
            for statement in self._manners.ring if gone else ():
                connection.exec_driver_sql(statement)
        return gone

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        discard(connection)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            if self._connection is None:
                self._connection = self._connect()
                for statement in self._manners.prepare:
                    self._connection.exec_driver_sql(statement)
                self._connection.commit()  # SQLAlchemy's; each statement commits itself
            with self._connection.begin():
                yield self._connection
        except SQLAlchemyError as error:
            self.close()
            raise StoreUnavailable(reason(error)) from error
