"""A job table that several servers have together: who claims a row writes its epoch into it, under a lease.

Each transaction that writes locks this node's own row first, and fails where it is gone. Who removes a node deletes its
row, which waits for that lock: so nothing a node writes comes after its jobs became others'.
"""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from gearbridge.errors import StoreError, StoreFenced, StoreUnavailable
from gearbridge.records import NodeStatus

from ..database.errors import is_deadlocked
from ..jobtable.claim_size import MOST
from ..jobtable.names import to_text
from ..jobtable.queries import CLAIM_AHEAD, CLAIM_ROWS
from ..jobtable.rows import SETTLED, claimed_of
from ..jobtable.schema import WAITING
from . import queue_limits
from .heartbeat import FENCED
from .node_lease import JoiningStore
from .node_table import BACKLOG_SHARED, FIND_SHARED, GIVE_BACK, MINE, NODES, OWN, STILL_FREE, TAKE, UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Select

    from gearbridge.records import ClaimedJob, Limits, StoredJob

    from ..interface import Traits
    from ..jobtable.batch import Steps
    from ..jobtable.bulk import Statement
    from ..jobtable.claim_size import Fit
    from ..jobtable.rows import Row

_T = TypeVar("_T")

#: How often a transaction is tried that deadlocks with another node's, and the search for the job that a key means.
_TRIES = 10


class SharedTableStore(JoiningStore):
    """The part that the stores of nodes share; each has its own claim and its own search for unique keys."""

    finding: ClassVar[Select[Any]] = FIND_SHARED
    #: What wakes other nodes when a transaction commits that has something for them.
    ring: ClassVar[tuple[Statement, ...]] = ()

    _doubtful = False

    @property
    def traits(self) -> Traits:
        """The promises of the database to several servers."""
        return super().traits._replace(exclusive=False, shared=True, owned=False)

    @abstractmethod
    def _claimed(
        self, connection: Connection, wanted: list[tuple[str, int]], until: int, fit: Fit
    ) -> Iterable[Sequence[Any]]:
        """Make the first rows of each function ours, at most so many that fit; CLAIM_COLUMNS and id, in any order."""

    @abstractmethod
    def _commit(self, connection: Connection, statements: list[Statement], puts: dict[str, Row]) -> dict[str, str]:
        """Run the statements in one transaction that our own row is locked in, and `_join` those puts that need it."""

    @abstractmethod
    def _found(self, raw: Any, keyed: dict[str, Row]) -> Iterator[tuple[str, str]]:
        """The handles of these rows, each with its own if there is such a row, and with that of the unfinished job."""

    def replay(self) -> Iterator[StoredJob]:
        """Nothing: what waits is claimed."""
        return iter(())

    def claim(self, claim_capacity: Mapping[bytes, int], most_bytes: int = MOST) -> list[ClaimedJob]:
        """Claim unowned waiting jobs of these functions, by priority, then submission order."""
        wanted = self._claim_size.in_turn([(to_text(name), room) for name, room in claim_capacity.items() if room > 0])
        try:
            with self._as_store_errors(), self._watched(), self._claim_size.measured(most_bytes, len(wanted)) as fit:
                connection = self._connected()
                if self._doubtful:
                    self._give_back(connection)
                with connection.begin():
                    self._compare_clocks(connection)
                wanted = self._holdable(connection, wanted)
                until = int(self._clock.now()) + CLAIM_AHEAD
                found = _until_not_deadlocked(lambda: self._claimed(connection, wanted, until, fit))
        except StoreUnavailable:
            self._doubtful = True  # it may have been done all the same
            raise
        claimed = [(claimed_of(row[:-1]), _id_of(row)) for row in sorted(found, key=_id_of)]
        for one, row_id in claimed:
            self._held.take(one, row_id)
        return [one for one, _ in claimed]

    def nodes(self) -> list[NodeStatus]:
        """All nodes, by name."""
        with self._as_store_errors(), self._watched():
            connection = self._connected()
            with connection.begin():
                rows = connection.execute(NODES, {"mine": self._epoch}).all()
        return [NodeStatus(name, bool(mine), float(lease), *rest) for name, mine, lease, *rest in rows]

    def limits(self) -> dict[bytes, Limits]:
        """Return the limits of waiting jobs, by function."""
        with self._as_store_errors(), self._watched():
            connection = self._connected()
            with connection.begin():
                return queue_limits.read(connection)

    def set_limits(self, changed: Mapping[bytes, Limits]) -> None:
        """Let all nodes know these."""
        with self._as_store_errors(), self._watched():
            connection = self._connected()
            with self._transaction(connection):
                queue_limits.write(connection, changed)

    # Inside.

    def _counting(self) -> Select[Any]:
        return BACKLOG_SHARED.params(mine=self._epoch)

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        statements = self._statements(group)
        if any(_is_news(steps) for steps in group):
            statements.extend(self.ring)
        puts = {handle: row for steps in group for _, rows in steps.inserts() for handle, row in rows.items()}
        dropped = {handle for steps in group for handle in steps.drops}
        lasting = {handle: row for handle, row in puts.items() if handle not in dropped}
        joined = _until_not_deadlocked(lambda: self._commit(connection, statements, lasting))
        self._joined.update((put.encode(), other.encode()) for put, other in joined.items())

    def _join(self, raw: Any, keyed: dict[str, Row]) -> dict[str, str]:
        """Return which of these rows, inserted where they could be, are another unfinished job: its handle by theirs.

        What kept a row out may be gone by now, this very transaction may have ended it: then the row is inserted.
        """
        joined: dict[str, str] = {}
        for _ in range(_TRIES):
            found = dict(sorted(self._found(raw, keyed), key=lambda pair: pair[0] == pair[1]))
            joined.update((put, other) for put, other in found.items() if put != other)
            keyed = {handle: row for handle, row in keyed.items() if handle not in found}
            if not keyed:
                return joined
            with contextlib.closing(raw.cursor()) as cursor:
                for statement in self._inserts(list(keyed.values()), WAITING):
                    self._execute(raw, cursor, *statement)
        raise StoreError("other jobs with this unique key come and go; try again")

    def _fence(self, connection: Connection) -> None:
        """Lock our own row until the transaction ends; StoreFenced where it is gone."""
        if connection.execute(OWN, {"mine": self._epoch}).first() is None:
            raise StoreFenced(FENCED)

    def _claim_again(self, connection: Connection, epoch: int, ids: list[int]) -> set[int]:
        self._doubtful = False  # what an earlier epoch has, and was given to no worker, is free
        again: set[int] = set()
        for start in range(0, len(ids), CLAIM_ROWS):
            locked = list(connection.execute(UNFINISHED, {"ids": ids[start : start + CLAIM_ROWS]}).scalars())
            # Another statement, which sees what was committed before the rows were locked.
            free = list(connection.execute(STILL_FREE, {"ids": locked}).scalars())
            connection.execute(TAKE, {"ids": free, "mine": epoch})
            again.update(free)
        return again

    def _give_back(self, connection: Connection) -> None:
        """Let go of what a claim made ours whose answer never came."""
        with self._transaction(connection):
            self._fence(connection)
            ids = self._held.fresh(connection.execute(MINE, {"mine": self._epoch}).scalars())
            for start in range(0, len(ids), CLAIM_ROWS):
                connection.execute(GIVE_BACK, {"ids": ids[start : start + CLAIM_ROWS]})
        self._doubtful = False


def _until_not_deadlocked(transaction: Callable[[], _T]) -> _T:
    """Do it, again while it deadlocks with another node's, at most so often."""
    for attempt in range(_TRIES - 1):
        try:
            return transaction()
        except Exception as error:
            if not is_deadlocked(error):
                raise
            time.sleep(0.01 * attempt)
    return transaction()


def _id_of(row: Sequence[Any]) -> int:
    number: int = row[-1]
    return number


_OWNER, _STATE = SETTLED.index("owner"), SETTLED.index("state")


def _is_news(steps: Steps) -> bool:
    """Return whether there is something to claim then."""
    given_back = (one[_OWNER] == 0 and one[_STATE] is None for one in steps.settled.values())
    return bool(steps.puts or steps.spilled) or any(given_back)
