"""A server as one of the nodes that share its job table: how it joins them, and leaves."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gearbridge.errors import ConfigurationError, StoreError, StoreFenced, StoreInUse, StoreUnavailable

from .broken import reason
from .heartbeat import FENCED, Heartbeat, Manners
from .held import Held
from .locked import LockedTableStore
from .nodes import LEAVE, RESUME, alive
from .refusals import is_locked
from .registration import Namesake, is_new, join

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from .node import Node
    from .watch import Session

_log = logging.getLogger(__name__)

#: Seconds for another node to finish joining; a server or bridge that has the table alone does not let go.
_PATIENCE = 2
#: Seconds between two tries to join, and for a former session of ours to end.
_PAUSE = 0.1
_END_WITHIN = 2.0
#: Seconds beyond a lease within which what hangs is ended by the other nodes, or by us.
_GRACE = 5.0

#: What is said where one has the table alone.
TAKEN = "a gearbridge server without --node, or a bridge, has the job table alone; give it --node too, or stop it"


class JoiningStore(LockedTableStore):
    """A node's lease, its heartbeat and its place among the nodes."""

    manners: ClassVar[Manners]

    def __init__(self, url: URL, node: Node) -> None:
        super().__init__(url)
        self._node = node
        self._epoch = 0  # no node's
        self._former: Session | None = None  # the one before this one
        self._heart: Heartbeat | None = None
        self._joined: dict[bytes, bytes] = {}

    def open(self) -> None:
        """Connect, create the tables or check their version, and join the nodes."""
        super().open()
        try:
            self._register()
        except StoreInUse as error:
            self.close()
            raise StoreInUse(f"cannot open the store {self._shown_url()}: {error}") from error
        except StoreError as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown_url()}: {reason(error)}") from error

    def take_joined(self) -> dict[bytes, bytes]:
        """The Puts since the last call that joined an unfinished job: handle put to handle joined."""
        joined, self._joined = self._joined, {}
        return joined

    def beat(self, jobs: int, workers: int) -> list[str]:
        """Renew the lease, say the load, remove the dead."""
        if self._heart is None:
            raise StoreUnavailable("the store is not open")
        return self._heart.beat(self._epoch, self._node.lease, jobs, workers)

    def rejoin(self) -> None:
        """Leave what this node still has to the others, and be a new one."""
        self._held, self._joined = Held(), {}
        self._leave()
        self._register()

    def close(self) -> None:
        """Leave what is in hand to the other nodes, and disconnect."""
        if self._epoch:
            with contextlib.suppress(StoreError):  # then its lease ends by itself
                self._leave()
        super().close()

    # Inside.

    def _hold_nodes(self, connection: Connection) -> None:
        """Let nobody claim until this transaction ends, where a claim must know all nodes before it begins."""

    def _prepare(self) -> None:
        super()._prepare()
        self._heart = self._new_heart()

    def _dispose(self) -> None:
        if self._heart is not None:
            self._heart.close()
            self._heart = None
        super()._dispose()

    def _new_heart(self) -> Heartbeat:
        assert self._engine is not None
        assert self.questions is not None
        return Heartbeat(self._engine.connect, self.manners, self.questions.end)

    def _take(self, connection: Connection) -> None:
        self._set_up(connection)
        session = self._session(connection.connection.dbapi_connection)
        if self._former is not None and self._former.host == session.host:  # elsewhere the number is somebody else's
            self._end(connection, self._former.number)
        self._former = session
        if self._epoch and not connection.execute(RESUME, {"mine": self._epoch, "to_session": session.number}).rowcount:
            raise StoreFenced(FENCED)

    def _end(self, connection: Connection, session: int) -> None:
        """End a session of ours that may be there still, behind a broken connection, doing what it was told last."""
        assert self.questions is not None
        with contextlib.suppress(DBAPIError):  # it has ended already
            connection.exec_driver_sql(self.questions.end.format(session))
        deadline = time.monotonic() + _END_WITHIN
        while connection.exec_driver_sql(self.questions.busy.format(session)).scalar():
            if time.monotonic() >= deadline:
                raise StoreUnavailable("the database does not end our former session")
            time.sleep(_PAUSE)

    def _leave(self) -> None:
        mine, self._epoch = self._epoch, 0
        with self._errors_told():
            connection = self._connected()
            with connection.begin():
                connection.execute(LEAVE, {"mine": mine})
                for statement in self.manners.ring:
                    connection.exec_driver_sql(statement)

    def _register(self) -> None:
        before: Namesake | None = None
        deadline = time.monotonic() + self._node.lease + _GRACE
        while True:
            with self._errors_told():
                found = self._try_to_join(self._connected())
            if isinstance(found, int):
                self._epoch = found
                return
            if found is not None and before is None:
                before = found
                deadline = time.monotonic() + found.left + _GRACE
                _log.warning("a node %s was here; its jobs are free in %.1f s", self._node.name, found.left)
            if found is not None and before is not None and found.until != before.until:
                raise StoreInUse(f"a node {self._node.name} is at work already; each needs a --node name of its own")
            if time.monotonic() >= deadline:
                raise StoreUnavailable("the other nodes are too busy to be joined")
            time.sleep(_PAUSE)

    def _try_to_join(self, connection: Connection) -> int | Namesake | None:
        """Our epoch, or who has our name; None where somebody holds what we need."""
        with connection.begin():
            if not self._lock(connection, _PATIENCE):
                if alive(connection):  # then it is another one that joins
                    return None
                raise StoreInUse(TAKEN)
            is_first = is_new(connection)
        try:
            self._sweep()
            with self._transaction(connection):
                self._hold_nodes(connection)
                return join(connection, self._node.lease, self._values(connection), is_first)
        except DBAPIError as error:
            if not is_locked(error):
                raise
            return None
        finally:
            # A broken connection has no lock any more; the next call makes it anew.
            with contextlib.suppress(SQLAlchemyError), connection.begin():
                self._unlock(connection)

    def _sweep(self) -> None:
        """Remove the dead, which may be all others; over another connection than the heartbeat's, which beats."""
        heart = self._new_heart()
        try:
            heart.sweep()
        finally:
            heart.close()

    def _values(self, connection: Connection) -> dict[str, Any]:
        session = self._session(connection.connection.dbapi_connection).number
        name, _, version = self._node
        return {"name": name, "version": version, "session": session, "since": int(time.time())}
