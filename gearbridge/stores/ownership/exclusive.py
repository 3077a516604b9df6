"""A job table that one server at a time has for itself, by a lock of its session's in the database."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from gearbridge.errors import StoreError, StoreInUse, StoreLocked, StoreUnavailable

from ..jobtable.queries import CLAIM_ROWS
from ..jobtable.schema import job
from ..jobtable.store import IN_USE
from .node_table import demand_no_nodes
from .single_put import SinglePutTableStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from ..interface import Traits

_THERE = select(job.c.handle).where(job.c.handle.in_(bindparam("handles", expanding=True)))
#: Seconds between two attempts to take the lock.
_PAUSE = 0.1
#: Seconds at a start for the session of a server that has just stopped to end.
_LEAVING = 2.0


class LockedTableStore(SinglePutTableStore):
    """The part that PostgreSQL and MySQL share: a lock that ends with its session, however that ends."""

    @abstractmethod
    def _try_lock(self, connection: Connection, *, again: bool = False) -> str | None:
        """Take the lock in a transaction of the caller's, or of its own; return None, or a description of its holder.

        `again`: this store had it, over a session that has ended. Raises StoreInUse where another server or bridge has
        taken the table since then.
        """

    @abstractmethod
    def _unlock(self, connection: Connection) -> None:
        """Let go of the lock."""

    @abstractmethod
    def _set_up(self, connection: Connection) -> None:
        """Look at how the database is set, and set this session."""

    @property
    def traits(self) -> Traits:
        """Those of a table that is written to promptly, owned by a session."""
        return super().traits._replace(owned=True)

    def own(self) -> int:
        """Make sure that the table is this store's."""
        with self._as_store_errors(), self._watched():
            connection = self._connected()
            with connection.begin():
                connection.exec_driver_sql("SELECT 1")
            return os.dup(self._session(connection.connection.dbapi_connection).descriptor)

    @abstractmethod
    def _free(self, connection: Connection, handles: list[str]) -> Iterable[str]:
        """Return those of these handles whose rows are not locked, without waiting for any."""

    @abstractmethod
    def _describe_holders(self, connection: Connection) -> str:
        """Describe the sessions that hold rows of the job table."""

    def locked(self, handles: Sequence[bytes]) -> set[bytes]:
        """Those of these jobs whose rows another transaction holds."""
        names = [handle.decode() for handle in handles]
        found: set[str] = set()
        try:
            with self._as_store_errors(), self._watched():
                connection = self._connected()
                for start in range(0, len(names), CLAIM_ROWS):
                    some = names[start : start + CLAIM_ROWS]
                    with connection.begin():
                        there = set(connection.execute(_THERE, {"handles": some}).scalars())
                        found |= there - set(self._free(connection, some))
        except StoreLocked as error:
            raise StoreUnavailable(f"the whole job table is locked, by {self.holders() or 'somebody'}") from error
        return {name.encode() for name in found}

    def holders(self) -> str:
        """Describe the sessions that hold rows of the job table."""
        try:
            with self._as_store_errors(), self._watched():
                connection = self._connected()
                with connection.begin():
                    return self._describe_holders(connection)
        except StoreError:
            return ""

    def _lock(self, connection: Connection, seconds: float, *, again: bool = False) -> str | None:
        """Take the lock, after at most so many seconds; return None, or a description of its holder."""
        deadline = time.monotonic() + seconds
        while True:
            with self._transaction(connection):
                holder = self._try_lock(connection, again=again)
            if holder is None or time.monotonic() >= deadline:
                return holder
            time.sleep(_PAUSE)

    def _take(self, connection: Connection) -> None:
        deadline = time.monotonic() + _LEAVING
        while (holder := self._try_lock(connection)) is not None and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        self._demand(holder)
        self._set_up(connection)
        demand_no_nodes(connection)  # now: in a cluster only a host that has caught up sees all of them

    def _take_again(self, connection: Connection) -> None:
        self._demand(self._lock(connection, 0, again=True))
        with connection.begin():
            self._set_up(connection)
            demand_no_nodes(connection)

    def _demand(self, holder: str | None) -> None:
        if holder is not None:
            raise StoreInUse(f"{IN_USE} ({holder} has it)")
