"""The job table as a store, through SQLAlchemy. It knows rows; what a job means is the core's.

`TableStore` is the plain path, in SQLAlchemy's own statements, for any database that it speaks to. A database whose
driver can do better has a subclass of `BulkTableStore` (bulk.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse
from gearbridge.records import Backlog, WaitingJob

from .base import Abilities
from .broken import reason
from .connected import ConnectedStore
from .doorbell import Polling
from .held import Held
from .names import from_text, to_text
from .rows import COLUMNS, SETTLED, Steps, claimed_of, job_of
from .schema import DONE, FAILED, WAITING, job
from .statements import (
    BACKLOG,
    CLAIM,
    CLAIM_AHEAD,
    CLAIM_ROWS,
    FIND,
    FINISHED,
    NEXT_FUNCTION,
    PRUNE,
    REPLAY,
    REPLAY_ROWS,
    Waiting,
    waiting,
)
from .upgrade import create_or_upgrade

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import URL

    from gearbridge.records import ClaimedJob, Operation, StoredJob

    from .base import Doorbell
    from .rows import Row

#: What is said to a server or bridge whose table another one has.
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
        self._held = Held()

    @property
    def abilities(self) -> Abilities:
        """Durable, and a group is one transaction. Nothing here keeps a second server out of the table."""
        return Abilities(durable=True, transactional=True, claimable=True, exclusive=False)

    def open(self) -> None:
        """Connect, and create the tables or check their version."""
        try:
            self._prepare()
            connection = self._connected()
            with self._transaction(connection):
                self._place(connection)
                create_or_upgrade(connection)
                self._take(connection)
            self._opened = True
        except StoreInUse as error:
            self.close()
            raise StoreInUse(f"cannot open the store {self._shown_url()}: {error}") from error
        except ConfigurationError:
            self.close()
            raise
        except (StoreError, SQLAlchemyError) as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown_url()}: {reason(error)}") from error

    def replay(self) -> Iterator[StoredJob]:
        """The jobs in the table, in order of submission."""
        after = -1
        with self._errors_told():
            connection = self._connected()
            while True:
                with connection.begin():
                    rows = connection.execute(REPLAY, {"after": after}).all()
                yield from (job_of(row[:-1]) for row in rows)
                if len(rows) < REPLAY_ROWS:
                    return
                after = rows[-1].id

    def apply(self, group: Sequence[Operation]) -> None:
        """Do all operations in one transaction."""
        with self._errors_told(), self._watched():
            self._write(self._connected(), list(Steps.of(group, int(time.time()))))
        self._held.settle(group)

    def claim(self, rooms: Mapping[bytes, int]) -> list[ClaimedJob]:
        """Read what was enqueued for these functions and is not in hand, by priority and then in order."""
        wanted = [(to_text(name), room + self._held.count(name)) for name, room in rooms.items()]
        claimed: list[tuple[ClaimedJob, int]] = []
        with self._errors_told(), self._watched():
            connection = self._connected()
            with connection.begin():
                ids = self._held.fresh(self._waiting(connection, wanted, int(time.time()) + CLAIM_AHEAD))
                for start in range(0, len(ids), CLAIM_ROWS):
                    rows = self._rows(connection, ids[start : start + CLAIM_ROWS])
                    claimed.extend((claimed_of(row[:-1]), row[-1]) for row in rows)
        # Only now: what a broken connection kept from the caller is in nobody's hand.
        for one, row_id in claimed:
            self._held.take(one, row_id)
        return [one for one, _ in claimed]

    def prune(self, done_before: int, failed_before: int, at_most: int) -> int:
        """Delete the oldest of what is finished and was kept long enough."""
        gone = 0
        with self._errors_told(), self._watched():
            connection = self._connected()
            for state, before in ((DONE, done_before), (FAILED, failed_before)):
                which = {"in_state": state, "before": before}
                with self._transaction(connection):
                    ids = list(connection.execute(FINISHED, {**which, "at_most": at_most}).scalars())
                    if ids:
                        gone += connection.execute(PRUNE, {**which, "ids": ids}).rowcount
        return gone

    def functions(self) -> list[bytes]:
        """The functions of which a row waits."""
        with self._errors_told(), self._watched():
            connection = self._connected()
            with connection.begin():
                return [from_text(name) for name in sorted(self._functions(connection))]

    def backlog(self) -> list[Backlog]:
        """What waits and came over a socket, counted by walking over all that waits."""
        with self._errors_told():
            connection = self._connected()
            with connection.begin():
                rows = connection.execute(self._counting()).all()
        return [Backlog(from_text(name), priority, bool(later), count) for name, priority, later, count in rows]

    def find(self, handles: Sequence[bytes]) -> dict[bytes, WaitingJob]:
        """Those that wait, looked for by handle."""
        found: dict[bytes, WaitingJob] = {}
        # What is no handle at all may be anything, and is no text.
        names = [handle.decode() for handle in handles if handle.isascii() and b"\0" not in handle]
        with self._errors_told(), self._watched():
            connection = self._connected()
            with connection.begin():
                for start in range(0, len(names), CLAIM_ROWS):
                    rows = connection.execute(self.finding, {"handles": names[start : start + CLAIM_ROWS]})
                    for handle, name, priority, due, *more in rows:
                        found[handle.encode()] = WaitingJob(handle.encode(), from_text(name), priority, due, *more)
        return found

    def doorbell(self) -> Doorbell:
        """Most databases cannot ring."""
        return Polling(_LONGEST_PAUSE)

    def close(self) -> None:
        """Disconnect."""
        self._opened = False
        self._held = Held()
        self._dispose()

    # What a database may do in its own way.

    def _counting(self) -> Select[Any]:
        """What the backlog is counted by."""
        return BACKLOG

    def _transaction(self, connection: Connection) -> contextlib.AbstractContextManager[object]:
        """A block that is done whole or not at all, tables included, where the database can."""
        return connection.begin()

    def _place(self, connection: Connection) -> None:
        """Make sure that there is a place for the tables."""

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        with connection.begin():
            for steps in group:
                for state, puts in steps.inserts():
                    self._insert(connection, state, puts)
                if steps.attempts:
                    connection.execute(
                        job.update()
                        .where(job.c.handle == bindparam("of_handle"))
                        .values(attempts=bindparam("to_attempts"), numerator=None, denominator=None),
                        [{"of_handle": handle, "to_attempts": count} for handle, count in steps.attempts.items()],
                    )
                for handle, values in steps.settled.items():
                    changed = {name: value for name, value in zip(SETTLED, values, strict=True) if value is not None}
                    connection.execute(
                        job.update().where(job.c.handle == handle, job.c.state == WAITING).values(**changed)
                    )
                if steps.drops:
                    connection.execute(job.delete().where(job.c.handle.in_(list(steps.drops))))

    def _waiting(self, connection: Connection, wanted: list[tuple[str, int]], until: int) -> list[int]:
        """The first rows to claim of each function, at most so many, and so many of those due `until` then."""
        ids: list[int] = []
        for function, limit in wanted:
            of_function = {"of_function": function, "at_most": limit}
            ids.extend(connection.execute(self.waiting.ready, of_function).scalars())
            ids.extend(connection.execute(self.waiting.due, {**of_function, "until": until}).scalars())
        return ids

    def _rows(self, connection: Connection, ids: list[int]) -> Iterable[Sequence[Any]]:
        """These rows' CLAIM_COLUMNS and id, in order of submission."""
        return connection.execute(CLAIM, {"ids": ids})

    def _functions(self, connection: Connection) -> set[str]:
        """The functions of which a row waits, found without walking over the rows."""
        found: set[str] = set()
        for step in NEXT_FUNCTION:
            name: str | None = ""
            while (name := connection.execute(step, {"after": name}).scalar()) is not None:
                found.add(name)
        return found

    # Inside.

    def _insert(self, connection: Connection, state: int, puts: Mapping[str, Row]) -> None:
        present = set(connection.execute(select(job.c.handle).where(job.c.handle.in_(list(puts)))).scalars())
        fresh = [dict(zip(COLUMNS, row, strict=True)) for handle, row in puts.items() if handle not in present]
        if fresh:
            connection.execute(job.insert().values(state=state), fresh)
