"""A server as one of the nodes that share its job table: how it joins them, and leaves."""

from __future__ import annotations

import contextlib
import logging
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gearbridge.errors import ConfigurationError, StoreError, StoreFenced, StoreInUse, StoreUnavailable

from ..database.clock import Clock
from ..database.errors import is_locked, reason
from ..jobtable.live_nodes import alive
from ..jobtable.schema import KEPT, WAITING, job, node
from .exclusive import LockedTableStore
from .heartbeat import FENCED, Heartbeat, SessionSetup
from .node_table import LEAVE, RENEW, RESUME, register

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from ..database.watchdog import Session, Watchdog
    from ..interface import Node

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


class NameConflict(NamedTuple):
    """A node that has our name: until when its lease runs, by the database's clock, and how many seconds that is."""

    until: float
    left: float


def is_new(connection: Connection) -> bool:
    """Return whether no node, alive or dead, has the table: then a server may have had it alone just before."""
    return connection.execute(select(node.c.epoch).limit(1)).first() is None


def join(connection: Connection, lease: float, values: dict[str, Any], is_first: bool) -> int | NameConflict:
    """Register the node and return its epoch, in a transaction of the caller's; or return the conflict of its name."""
    found = connection.execute(
        select(node.c.lease_until, node.c.lease_until - Clock()).where(node.c.name == values["name"])
    ).first()
    if found is not None:
        return NameConflict(*found)
    if is_first:
        free_kept(connection)
    return register(connection, values, lease)


_log = logging.getLogger(__name__)

#: Seconds for another node to finish joining, twice: over a slow line that takes seconds. A server or bridge that has
#: the table alone does not let go.
_PATIENCE = 2
#: Seconds between two tries to join, and for a former session of ours to end.
_PAUSE = 0.1
_END_WITHIN = 2.0
#: Seconds beyond a lease within which what hangs is ended by the other nodes, or by us.
_GRACE = 5.0

#: The error where a server or bridge has the table alone.
TAKEN = "a gearbridge server without --node, or a bridge, has the job table alone; give it --node too, or stop it"


class JoiningStore(LockedTableStore):
    """A node's lease, its heartbeat and its place among the nodes."""

    session_setup: ClassVar[SessionSetup]

    def __init__(self, url: URL, node: Node) -> None:
        super().__init__(url)
        self._node = node
        self._epoch = 0  # no node's
        self._sure_until = 0.0  # until then, on this machine's clock, no other node can have removed this one
        self._former: Session | None = None  # the one before this one
        self._heart: Heartbeat | None = None
        self._holder = ""  # who had the tables when we wanted to join
        self._joined: dict[bytes, bytes] = {}
        self._lost: frozenset[bytes] = frozenset()  # jobs that others have since our lease was over

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
        """Renew the lease, record the load, remove the dead."""
        if self._heart is None:
            raise StoreUnavailable("the store is not open")
        begin = time.monotonic()
        gone = self._heart.beat(self._epoch, jobs, workers)
        self._sure_until = begin + self._node.lease
        return gone

    def rejoin(self) -> frozenset[bytes]:
        """Go on as this node, or where it was removed as a new one, with the rows that were not claimed since."""
        if not self._renewed():
            self._epoch = 0
            self._register()
        lost, self._lost = self._lost, frozenset()
        return lost

    def close(self) -> None:
        """Leave the claimed rows to the other nodes, and disconnect."""
        if self._epoch:
            with contextlib.suppress(StoreError):  # then its lease ends by itself
                self._leave()
        super().close()

    # Inside.

    @abstractmethod
    def _claim_again(self, connection: Connection, epoch: int, ids: list[int]) -> set[int]:
        """Claim those of these rows that are unfinished and unclaimed for this epoch; return them."""

    def _renewed(self) -> bool:
        """Renew the lease; False where it is too late for that."""
        begin = time.monotonic()
        try:
            with self._as_store_errors(), self._watched():
                connection = self._connected()
                with connection.begin():
                    mine = {"mine": self._epoch, "lease": self._node.lease}
                    is_renewed = connection.execute(RENEW, mine).rowcount == 1
        except StoreFenced:
            return False
        if is_renewed:
            self._sure_until = begin + self._node.lease
        return is_renewed

    def _hold_nodes(self, connection: Connection) -> None:
        """Block claims until this transaction ends, where a claim must know all nodes before it begins."""

    def _prepare(self) -> None:
        super()._prepare()
        self._heart = self._new_heart(self._new_watch())

    def _dispose(self) -> None:
        if self._heart is not None:
            self._heart.close()
            self._heart = None
        super()._dispose()

    def _new_heart(self, watch: Watchdog | None = None) -> Heartbeat:
        assert self._engine is not None
        assert self.questions is not None
        return Heartbeat(self._engine.connect, self.session_setup, self.questions.end, self._node.lease, watch)

    def _take(self, connection: Connection) -> None:
        self._set_up(connection)
        session = self._session(connection.connection.dbapi_connection)
        if self._former is not None and self._former.host == session.host:  # elsewhere the number is somebody else's
            self._end(connection, self._former.number)
        self._former = session
        if self._epoch and not connection.execute(RESUME, {"mine": self._epoch, "to_session": session.number}).rowcount:
            raise StoreFenced(FENCED)

    def _take_again(self, connection: Connection) -> None:
        with connection.begin():
            self._take(connection)

    def _end(self, connection: Connection, session: int) -> None:
        """End a previous session that may be there still, behind a broken connection, executing its last statement."""
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
        with self._as_store_errors(), self._watched():
            connection = self._connected()
            with connection.begin():
                connection.execute(LEAVE, {"mine": mine})
                for statement in self.session_setup.ring:
                    connection.exec_driver_sql(statement)

    def _register(self) -> None:
        self._holder = ""
        before: NameConflict | None = None
        deadline = time.monotonic() + self._node.lease + _GRACE
        while True:
            begin = time.monotonic()
            with self._as_store_errors(), self._watched():
                found = self._try_to_join(self._connected())
            if isinstance(found, int):
                self._epoch = found
                self._sure_until = begin + self._node.lease
                return
            if found is not None and before is None:
                before = found
                deadline = time.monotonic() + found.left + _GRACE
                _log.warning("a former node %s has a lease; its jobs are free in %.1f s", self._node.name, found.left)
            if found is not None and before is not None and found.until != before.until:
                raise StoreInUse(f"a node {self._node.name} is running already; each needs a --node name of its own")
            if time.monotonic() >= deadline:
                raise StoreUnavailable("the other nodes did not let this node join in time")
            time.sleep(_PAUSE)

    def _try_to_join(self, connection: Connection) -> int | NameConflict | None:
        """Return our epoch, or the conflict of our name; None where a lock that we need is held."""
        holder = self._lock(connection, _PATIENCE)
        with connection.begin():
            if holder is not None:
                before, self._holder = self._holder, holder.partition(",")[0]  # the session, without its state
                if self._holder != before or alive(connection):  # then it is another one that joins
                    return None
                raise StoreInUse(f"{TAKEN} ({holder} has it)")
            is_first = is_new(connection)
        try:
            with contextlib.nullcontext() if self._watch is None else self._watch.looking_away():
                self._remove_namesake()
            with self._transaction(connection):
                self._hold_nodes(connection)
                joined = join(connection, self._node.lease, self._values(connection), is_first)
                again = self._claim_again(connection, joined, self._held.ids) if isinstance(joined, int) else None
            if again is not None:
                self._lost |= self._held.keep_only(again)
            return joined
        except DBAPIError as error:
            if not is_locked(error):
                raise
            return None
        finally:
            # A broken connection has no lock any more; the next call makes it anew.
            with contextlib.suppress(SQLAlchemyError), connection.begin():
                self._unlock(connection)

    def _remove_namesake(self) -> None:
        """Remove a dead node of our name; over another connection than the heartbeat's, which beats."""
        heart = self._new_heart()
        try:
            heart.sweep(self._node.name)
        finally:
            heart.close()

    def _values(self, connection: Connection) -> dict[str, Any]:
        session = self._session(connection.connection.dbapi_connection).number
        name, _, version = self._node
        return {"name": name, "version": version, "session": session, "since": int(self._clock.now())}
