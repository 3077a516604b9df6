"""The job table as a store, through SQLAlchemy. It knows rows; what a job means is the core's.

`TableStore` is the plain path, in SQLAlchemy's own statements, for any database that it speaks to. A database whose
driver can do better has a subclass of `BulkTableStore` (bulk.py).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sqlalchemy import Connection, Select, bindparam
from sqlalchemy.exc import SQLAlchemyError

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse
from gearbridge.records import Backlog, WaitingJob

from ..database.clock_offset import ClockOffset
from ..database.errors import reason
from ..database.session import ConnectedStore
from ..interface import Traits
from .batch import Steps
from .claim_size import MOST, ClaimSize, fitting
from .claimed_rows import ClaimedRows
from .database_identity import life_in
from .migrations import create_or_upgrade
from .names import from_text, to_text
from .polling import Polling
from .queries import (
    BACKLOG,
    CLAIM,
    CLAIM_AHEAD,
    CLAIM_ROWS,
    FIND,
    FINISHED,
    NEXT_FUNCTION,
    PAYLOADS,
    PRUNE,
    REPLAY,
    REPLAY_ROWS,
    Waiting,
    try_room,
    waiting,
    write,
)
from .rows import claimed_of, job_of
from .schema import DONE, FAILED, job

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL

    from gearbridge.records import ClaimedJob, Operation, RowsWaiting, StoredJob

    from ..interface import Wakeup
    from .claim_size import Fit

_T = TypeVar("_T")
#: The error of a server or bridge whose table another one has.
IN_USE = "the job table is in use by another gearbridge server or bridge; give each server its own database"

#: Seconds between two looks into a table that nothing comes into.
_LONGEST_PAUSE = 0.25


class TableStore(ConnectedStore):
    """The job table on any database that SQLAlchemy speaks to. The next call makes a broken connection anew."""

    #: How to find what to claim of a function.
    waiting: ClassVar[Waiting] = waiting(job.c.function == bindparam("of_function"))
    #: How to find jobs by handle: the columns of a WaitingJob.
    finding: ClassVar[Select[Any]] = FIND

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._held = ClaimedRows()
        self._claim_size = ClaimSize()
        self._clock = ClockOffset()

    @property
    def traits(self) -> Traits:
        """Durable, and a group is one transaction. Nothing here keeps a second server out of the table."""
        return Traits(durable=True, transactional=True, claimable=True, exclusive=False)

    def open(self) -> None:
        """Connect, and create the tables or check their version."""
        try:
            self._prepare()
            self._outlasting(self._begin)
            self._opened = True
        except StoreInUse as error:
            self.close()
            raise StoreInUse(f"cannot open the store {self._shown_url()}: {error}") from error
        except ConfigurationError:
            self.close()
            raise
        except (StoreError, SQLAlchemyError) as error:
            why = self._explained(error)
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown_url()}: {why}") from error

    def replay(self) -> Iterator[StoredJob]:
        """The jobs in the table, in order of submission."""
        after = -1
        with self._as_store_errors():
            while True:
                rows = self._outlasting(partial(self._all, REPLAY.params(after=after)))
                yield from (job_of(row[:-1]) for row in rows)
                if len(rows) < REPLAY_ROWS:
                    return
                after = rows[-1].id

    def apply(self, group: Sequence[Operation]) -> None:
        """Do all operations in one transaction."""
        with self._as_store_errors(), self._watched():
            self._write(self._connected(), list(Steps.of(group, int(self._clock.now()))))
        self._held.settle(group)

    def claim(self, claim_capacity: Mapping[bytes, int], most_bytes: int = MOST) -> list[ClaimedJob]:
        """Read the unclaimed jobs of these functions, by priority and then in order."""
        wanted = self._claim_size.in_turn(
            [(to_text(name), room + self._held.count(name)) for name, room in claim_capacity.items()]
        )
        with self._as_store_errors(), self._watched(), self._claim_size.measured(most_bytes, len(wanted)) as fit:
            connection = self._connected()
            with connection.begin():
                self._compare_clocks(connection)
                wanted = self._holdable(connection, wanted)
                until = int(self._clock.now()) + CLAIM_AHEAD
                ids = self._held.fresh(self._waiting(connection, wanted, until))
                claimed = [(claimed_of(row), row_id) for row, row_id in self._fitting(connection, ids, fit)]
        # Only now: rows that a broken connection kept from the caller are not claimed.
        for one, row_id in claimed:
            self._held.take(one, row_id)
        return [one for one, _ in claimed]

    @property
    def clock_offset(self) -> float:
        """Seconds that the database's clock is ahead of ours."""
        return self._clock.seconds

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        """Delete the oldest of what is finished and was kept long enough."""
        gone = 0
        ahead = int(self._clock.seconds)
        with self._as_store_errors(), self._watched():
            connection = self._connected()
            for state, before in ((DONE, done_before), (FAILED, failed_before)):
                which = {"in_state": state, "before": before + ahead}
                with self._transaction(connection):
                    ids = list(connection.execute(FINISHED, {**which, "at_most": at_most}).scalars())
                    if ids:
                        gone += connection.execute(PRUNE, {**which, "ids": ids}).rowcount
        return gone

    def transact(self, work: Callable[[Connection], _T]) -> _T:
        """Do something in one transaction."""
        with self._as_store_errors(), self._watched(), self._transaction(connection := self._connected()):
            return work(connection)

    def functions(self) -> list[bytes]:
        """The functions of which a row waits."""
        with self._as_store_errors(), self._watched(), (connection := self._connected()).begin():
            return [from_text(name) for name in sorted(self._functions(connection))]

    def backlog(self) -> list[Backlog]:
        """Count the waiting jobs that came over a socket, by a walk over all that wait."""
        with self._as_store_errors():
            rows = self._outlasting(lambda: self._all(self._counting()))
        return [Backlog(from_text(name), priority, bool(later), count) for name, priority, later, count in rows]

    def count_waiting(self, *, again: bool) -> RowsWaiting:
        """Count a slice of what waits, in the order of ids."""
        with self._as_store_errors(), self._watched(), (connection := self._connected()).begin():
            return self._held.count_waiting(connection, int(self._clock.now()), again=again)

    def find(self, handles: Sequence[bytes]) -> dict[bytes, WaitingJob]:
        """Those that wait, looked for by handle."""
        found: dict[bytes, WaitingJob] = {}
        # What is no handle at all may be anything, and is no text.
        names = [handle.decode() for handle in handles if handle.isascii() and b"\0" not in handle]
        with self._as_store_errors(), self._watched(), (connection := self._connected()).begin():
            for start in range(0, len(names), CLAIM_ROWS):
                rows = connection.execute(self.finding, {"handles": names[start : start + CLAIM_ROWS]})
                for handle, name, priority, due, *more in rows:
                    found[handle.encode()] = WaitingJob(handle.encode(), from_text(name), priority, due, *more)
        return found

    def try_room(self, size: int) -> None:
        """Write a row with a payload of this size, and roll it back."""
        with self._as_store_errors(), self._watched():
            try_room(self._connected(), size)

    def life(self) -> bytes:
        """Return the life of the database, drawn anew where this is another system than it was drawn for."""
        with self._as_store_errors(), self._watched(), (connection := self._connected()).begin():
            return life_in(connection, self._system(connection))

    def wakeup(self) -> Wakeup:
        """Most databases cannot ring."""
        return Polling(_LONGEST_PAUSE)

    def close(self) -> None:
        """Disconnect."""
        self._opened = False
        self._held = ClaimedRows()
        self._dispose()

    # What a database may do in its own way.

    def _system(self, connection: Connection) -> str:
        """Describe what the job table is in, so that plain restarts change nothing in it and a copy is another one."""
        return ""

    def _holdable(self, connection: Connection, wanted: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """The functions among these whose names the database can hold: of others it has no jobs."""
        return wanted

    def _counting(self) -> Select[Any]:
        """Return the query that counts the backlog."""
        return BACKLOG

    def _transaction(self, connection: Connection) -> contextlib.AbstractContextManager[object]:
        """A block that is done whole or not at all, tables included, where the database can."""
        return connection.begin()

    def _begin(self) -> None:
        connection = self._connected()
        with self._transaction(connection):
            self._place(connection)
            create_or_upgrade(connection)
            self._look_over(connection)
            self._take(connection)
            self._compare_clocks(connection)

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        connection = self._connected()
        with connection.begin():
            return connection.execute(query).all()

    def _place(self, connection: Connection) -> None:
        """Make sure that there is a place for the tables."""

    def _look_over(self, connection: Connection) -> None:
        """Raise ConfigurationError where the tables are not exactly what they should be."""

    def _explained(self, error: Exception) -> str:
        """Explain why the store cannot be opened; for a lock that timed out, with its holder."""
        return reason(error)

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        write(connection, group)

    def _waiting(self, connection: Connection, wanted: list[tuple[str, int]], until: int) -> list[int]:
        """The first rows to claim of each function, at most so many, and so many of those due `until` then."""
        ids: list[int] = []
        for function, limit in wanted:
            of_function = {"of_function": function, "at_most": limit}
            ids.extend(connection.execute(self.waiting.ready, of_function).scalars())
            ids.extend(connection.execute(self.waiting.due, {**of_function, "until": until}).scalars())
        return ids

    def _rows(self, connection: Connection, ids: list[int], inline: int) -> Iterable[Sequence[Any]]:
        """These rows' CLAIM_COLUMNS, the payload's length and the id, in order of submission.

        The payload is None where it has more than `inline` bytes.
        """
        return connection.execute(CLAIM, {"ids": ids, "inline": inline})

    def _payloads(self, connection: Connection, ids: list[int]) -> Iterable[Sequence[Any]]:
        """These rows' ids and payloads, in any order."""
        return connection.execute(PAYLOADS, {"ids": ids})

    def _functions(self, connection: Connection) -> set[str]:
        """The functions of which a row waits, found without walking over the rows."""
        found: set[str] = set()
        for step in NEXT_FUNCTION:
            name: str | None = ""
            while (name := connection.execute(step, {"after": name}).scalar()) is not None:
                found.add(name)
        return found

    # Inside.

    def _disconnect(self) -> None:
        self._clock.forget()
        super()._disconnect()

    def _compare_clocks(self, connection: Connection) -> None:
        if self.questions is not None:  # else the database is on this machine
            self._clock.measure(connection)

    def _fitting(self, connection: Connection, ids: list[int], fit: Fit) -> Iterator[tuple[Sequence[Any], int]]:
        """Of these rows, in the order of the claim, those that fit: their CLAIM_COLUMNS, and id."""
        return fitting(ids, fit, partial(self._rows, connection), partial(self._payloads, connection))
