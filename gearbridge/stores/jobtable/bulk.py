"""The job table with one statement for many rows, for databases whose drivers make that the fast way.

A group of one kind of operation is a single statement, which commits itself: one round trip. Anything else is a
transaction. The connection is in autocommit mode, so that transactions begin where this code begins them.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..interface import Traits
from .rows import CLAIM_COLUMNS, SETTLED
from .schema import KEPT, WAITING, job
from .store import TableStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from .batch import Steps
    from .rows import Row, Settlement

_T = TypeVar("_T")

Statement = tuple[str, Any]

CLAIMED_PAYLOADS = f"SELECT id, payload FROM {job.name}"


def claimed_rows(columns: Iterable[str]) -> str:
    """Return the select list of a claim, with columns in the database's syntax; the choice of rows follows.

    The payload is read where it has up to {inline} bytes, and its length in any case.
    """
    payload = "CASE WHEN length(payload) <= {inline} THEN payload END"
    read = ", ".join(payload if name.strip("`") == "payload" else name for name in columns)
    return f"SELECT {read}, length(payload), id FROM {job.name}"


class BulkTableStore(TableStore):
    """The part that the fast stores share; each has its own statements, in the parameter style of its driver."""

    #: The statement that begins a transaction.
    begin: ClassVar[str] = "BEGIN"
    claimed_rows: ClassVar[str] = claimed_rows(CLAIM_COLUMNS)

    @property
    def traits(self) -> Traits:
        """Durable and transactional, and each keeps a second server out in its own way."""
        return Traits(durable=True, transactional=True, claimable=True)

    @abstractmethod
    def _inserts(self, rows: list[Row], state: int) -> Iterator[Statement]:
        """Statements that insert rows in this state, and change nothing where a handle is there already."""

    @abstractmethod
    def _updates(self, attempts: dict[str, int]) -> Iterator[Statement]:
        """Statements that set attempts, each after one that was lost; its progress counts no more."""

    @abstractmethod
    def _settles(self, settled: dict[str, Settlement]) -> Iterator[Statement]:
        """Statements that set what is not None of each claimed job's columns."""

    @abstractmethod
    def _deletes(self, handles: list[str]) -> Iterator[Statement]:
        """Statements that delete rows."""

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        with connection.begin():  # SQLAlchemy's, which sends nothing to a driver in autocommit mode
            connection.exec_driver_sql(self.begin)
            try:
                yield
            except BaseException:
                with contextlib.suppress(Exception):  # the first error is the one to tell
                    self._roll_back(connection)
                raise
            connection.exec_driver_sql("COMMIT")

    def _roll_back(self, connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")

    def _rows(self, connection: Connection, ids: list[int], inline: int) -> Iterable[Sequence[Any]]:
        return _of_ids(connection, self.claimed_rows.format(inline=inline), ids)

    def _payloads(self, connection: Connection, ids: list[int]) -> Iterable[Sequence[Any]]:
        return _of_ids(connection, CLAIMED_PAYLOADS, ids)

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        self._run(connection.connection.dbapi_connection, self._statements(group))

    def _statements(self, group: list[Steps]) -> list[Statement]:
        statements: list[Statement] = []
        for steps in group:
            for state, puts in steps.inserts():
                statements.extend(self._inserts(list(puts.values()), state))
            if steps.attempts:
                statements.extend(self._updates(steps.attempts))
            if steps.settled:
                statements.extend(self._settles(steps.settled))
            if steps.drops:
                statements.extend(self._deletes(list(steps.drops)))
        return statements

    def _run(self, raw: Any, statements: list[Statement]) -> None:
        """Run the statements on the driver's own connection, as one transaction."""
        with contextlib.closing(raw.cursor()) as cursor:
            if len(statements) == 1:
                self._execute(raw, cursor, *statements[0])
                return
            cursor.execute(self.begin)
            try:
                for statement in statements:
                    self._execute(raw, cursor, *statement)
                cursor.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):  # the first error is the one to tell
                    cursor.execute("ROLLBACK")
                raise

    def _execute(self, _raw: Any, cursor: Any, statement: str, values: Sequence[object]) -> None:
        cursor.execute(statement, values)


def _of_ids(connection: Connection, select: str, ids: list[int]) -> Iterable[Sequence[Any]]:
    # Numbers written out: a statement of a thousand parameters takes SQLAlchemy longer to write than to run.
    raw: Any = connection.connection.dbapi_connection
    with contextlib.closing(raw.cursor()) as cursor:
        cursor.execute(f"{select} WHERE id IN ({', '.join(map(str, ids))}) ORDER BY id")
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
    return rows


def settle_statement(mark: str) -> str:
    """The statement that settles one unfinished job, for a driver with this parameter mark; the handle comes last."""
    changes = ", ".join(f"{name} = COALESCE({mark}, {name})" for name in SETTLED)
    return f"UPDATE {job.name} SET {changes} WHERE handle = {mark} AND state IN ({KEPT}, {WAITING})"


def chunks(items: list[_T], sizes: tuple[int, ...]) -> Iterator[list[_T]]:
    """Cut a list into pieces of these sizes, largest first; the last size has to be 1."""
    start = 0
    for size in sizes:
        while len(items) - start >= size:
            yield items[start : start + size]
            start += size
