"""A node's heartbeat: renews its lease and removes expired nodes, beside the store's other work.

An expired lease is the sign of a lost node only while the database could be reached. A node that was cut off
itself, or that has just come, leaves the others the time of some beats before it removes any.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from gearbridge.errors import StoreError, StoreFenced, StoreUnavailable

from ..database.errors import discard, reason
from ..interface import BEATS
from .node_table import beat, remove_dead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from ..database.watchdog import Watchdog

#: The error of a node that was removed.
FENCED = "this node's lease was over, and its jobs are other nodes' now"


class Steadiness:
    """The time for which this node has reached the database, long enough to know that another one has not.

    `longest` is how many seconds may lie between two beats. Where they take longer all the time, that is no outage.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._last: float | None = None  # when the last beat was, and how long after the one before it
        self._gap = 0.0
        self._missing = BEATS

    def beaten(self, now: float) -> bool:
        """Note a beat; return whether others may be removed."""
        gap = 0.0 if self._last is None else now - self._last
        if gap > max(self._longest, 2 * self._gap):
            self._missing = BEATS
        elif self._missing:
            self._missing -= 1
        self._last, self._gap = now, gap
        return not self._missing

    def failed(self) -> None:
        """Note that a beat failed."""
        self._missing, self._last = BEATS, None


class SessionSetup(NamedTuple):
    """Statements of a node's: those that prepare the session of its heartbeat, and those that wake the other nodes."""

    prepare: tuple[str, ...] = ()
    ring: tuple[str, ...] = ()


class Heartbeat:
    """One connection, made by `connect` and made anew after it broke. `end_session` is for remove_dead.

    `watch` watches over it, and is closed with it.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        session_setup: SessionSetup,
        end_session: str,
        lease: float,
        watch: Watchdog | None = None,
    ) -> None:
        self._connect = connect
        self._session_setup = session_setup
        self._end_session = end_session
        self._watch = watch
        self._lease = lease
        self._steadiness = Steadiness(lease / 2)
        self._connection: Connection | None = None

    def beat(self, mine: int, jobs: int, workers: int) -> list[str]:
        """Renew this node's lease, then remove the dead if they can be known.

        Raises StoreFenced and StoreUnavailable.
        """
        try:
            self._renew(mine, jobs, workers)
            return self.sweep() if self._steadiness.beaten(time.monotonic()) else []
        except StoreError:
            self._steadiness.failed()
            raise

    def sweep(self, only: str | None = None) -> list[str]:
        """Remove the nodes whose lease is over, or the one of this name; return their names.

        Raises StoreUnavailable.
        """
        with self._connected() as connection:
            gone = remove_dead(connection, self._end_session, only)
            for statement in self._session_setup.ring if gone else ():
                connection.exec_driver_sql(statement)
        return gone

    def close(self) -> None:
        """Disconnect, and connect no more."""
        self._disconnect()
        if self._watch is not None:
            self._watch.close()

    def _disconnect(self) -> None:
        if self._watch is not None:
            self._watch.disconnected()
        connection, self._connection = self._connection, None
        discard(connection)

    def _renew(self, mine: int, jobs: int, workers: int) -> None:
        with self._connected() as connection:
            if not beat(connection, mine, self._lease, jobs, workers):
                raise StoreFenced(FENCED)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with contextlib.nullcontext() if self._watch is None else self._watch.over():
                connection = self._connection or self._prepared()
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            self._disconnect()
            raise StoreUnavailable(reason(error)) from error

    def _prepared(self) -> Connection:
        connection = self._connection = self._connect()
        if self._watch is not None:
            self._watch.connected(connection.connection.dbapi_connection)
        for statement in self._session_setup.prepare:
            connection.exec_driver_sql(statement)
        connection.commit()  # SQLAlchemy's; each statement commits itself
        return connection
