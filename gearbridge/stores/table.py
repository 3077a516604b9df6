"""The job table as a store, through SQLAlchemy. It knows rows; what a job means is the core's.

`TableStore` is the plain path, in SQLAlchemy's own statements. A database whose driver can do better has a subclass
that overrides the statements for many rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, bindparam, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.records import Drop, Put, StoredJob

from .base import Abilities
from .names import from_text, to_text
from .schema import create_or_check, job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import URL

    from gearbridge.records import Operation

    Row = tuple[str, str, str, int, bytes, int, int, str]

#: The columns of a stored job, in the order of `row_of`.
COLUMNS = ("handle", "function", "unique_key", "priority", "payload", "due", "attempts", "reducer")

_REPLAY = select(*(job.c[name] for name in COLUMNS)).order_by(job.c.id)
#: How many rows are fetched at a time on replay.
_REPLAY_ROWS = 1000


class Steps:
    """A group sorted into rows to insert, attempts to set and handles to delete, in that order.

    Only the order of operations on one handle has a meaning. A handle that is put again after it was dropped or
    changed begins new steps, so it ends as the group says.
    """

    def __init__(self) -> None:
        self.puts: dict[str, Row] = {}
        self.attempts: dict[str, int] = {}
        self.drops: dict[str, None] = {}

    @classmethod
    def of(cls, group: Sequence[Operation]) -> Iterator[Steps]:
        """The group's steps; mostly one."""
        steps = cls()
        for operation in group:
            if isinstance(operation, Put):
                handle = operation.job.handle.decode()
                if handle in steps.drops:
                    yield steps
                    steps = cls()
                steps.puts.setdefault(handle, row_of(operation.job, handle))
            elif isinstance(operation, Drop):
                steps.drops[operation.handle.decode()] = None
            else:
                steps.attempts[operation.handle.decode()] = operation.attempts
        yield steps


def row_of(stored: StoredJob, handle: str) -> Row:
    """A job as a row, in the order of COLUMNS."""
    return (
        handle,
        to_text(stored.function),
        to_text(stored.unique_key),
        int(stored.priority),
        stored.payload,
        stored.due,
        stored.attempts,
        to_text(stored.reducer),
    )


class TableStore:
    """The job table on any database that SQLAlchemy speaks to."""

    abilities = Abilities(durable=True, transactional=True)

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, and create the tables or check their version."""
        try:
            self._engine = self._create_engine(self._url)
            self._connection = self._engine.connect()
            with self._connection.begin():
                create_or_check(self._connection)
        except ConfigurationError:
            self.close()
            raise
        except SQLAlchemyError as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown_url()}: {reason(error)}") from error

    def replay(self) -> Iterator[StoredJob]:
        """The jobs in the table, in order of submission."""
        try:
            with self._open_connection().begin() as transaction:
                rows = transaction.connection.execution_options(yield_per=_REPLAY_ROWS).execute(_REPLAY)
                for handle, function, unique_key, priority, payload, due, attempts, reducer in rows:
                    yield StoredJob(
                        handle.encode(),
                        from_text(function),
                        bytes(payload),
                        from_text(unique_key),
                        priority,
                        due,
                        attempts,
                        from_text(reducer),
                    )
        except SQLAlchemyError as error:
            raise StoreError(f"cannot read the jobs kept in {self._shown_url()}: {reason(error)}") from error

    def apply(self, group: Sequence[Operation]) -> None:
        """Do all operations in one transaction."""
        connection = self._open_connection()
        try:
            with connection.begin():
                for steps in Steps.of(group):
                    if steps.puts:
                        self._insert(connection, list(steps.puts.values()))
                    if steps.attempts:
                        self._set_attempts(connection, steps.attempts)
                    if steps.drops:
                        self._delete(connection, list(steps.drops))
        except SQLAlchemyError as error:
            raise StoreError(reason(error)) from error

    def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    # What a subclass may do better.

    def _create_engine(self, url: URL) -> Engine:
        return create_engine(url)

    def _insert(self, connection: Connection, rows: list[Row]) -> None:
        handles = [row[0] for row in rows]
        present = set(connection.execute(select(job.c.handle).where(job.c.handle.in_(handles))).scalars())
        fresh = [dict(zip(COLUMNS, row, strict=True)) for row in rows if row[0] not in present]
        if fresh:
            connection.execute(job.insert(), fresh)

    def _set_attempts(self, connection: Connection, attempts: dict[str, int]) -> None:
        connection.execute(
            job.update().where(job.c.handle == bindparam("of_handle")).values(attempts=bindparam("to_attempts")),
            [{"of_handle": handle, "to_attempts": count} for handle, count in attempts.items()],
        )

    def _delete(self, connection: Connection, handles: list[str]) -> None:
        connection.execute(job.delete().where(job.c.handle.in_(handles)))

    # Inside.

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise StoreError("the store is not open")
        return self._connection

    def _shown_url(self) -> str:
        return self._url.render_as_string(hide_password=True)


def reason(error: SQLAlchemyError) -> str:
    """The driver's own words, without SQLAlchemy's statement and parameters, which would carry payloads into logs."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip() or type(cause).__name__
