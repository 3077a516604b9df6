"""The job table in PostgreSQL, through psycopg 3: arrays unnested into one INSERT, one DELETE by array.

A group of several kinds of operation travels as one pipeline, so it is one round trip too.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, Engine, event, text

from gearbridge.errors import StoreError, StoreUnavailable

from .bulk import CLAIMED_ROWS
from .doorbell import END_BACKEND, PostgreSQLDoorbell, answer
from .engines import engine_for
from .hosts import hosts_of
from .locked import LockedTableStore
from .postgresql_lone import LoneJobs
from .replication import Unconfirmed, demand_writable, is_unavailable, wait_for_standbys, warn_of_lost_commits
from .rows import COLUMNS, SETTLED
from .schema import KEPT, WAITING, job, metadata
from .watch import Questions, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.engine import URL

    from gearbridge.records import StoredJob

    from .base import Doorbell
    from .bulk import Statement
    from .rows import Row, Settlement, Steps

_log = logging.getLogger(__name__)


# Names as text, numbers in their own width: psycopg sends arrays in binary.
def insert(state: int, conflict: str) -> str:
    """The statement for rows in this state; those are left out that meet this conflict, or any where it is empty."""
    return (
        f"INSERT INTO {job.name} ({', '.join(COLUMNS)}, state) "
        f"SELECT *, {state} FROM unnest(%b::text[], %b::text[], %b::text[], %b::int2[], %b::bytea[], %b::int8[], "
        f"%b::int4[], %b::text[]) ON CONFLICT {conflict} DO NOTHING"
    )


_INSERT = {state: insert(state, "(handle)") for state in (KEPT, WAITING)}
_UPDATE = (
    f"UPDATE {job.name} SET attempts = changed.attempts, numerator = NULL, denominator = NULL "
    "FROM unnest(%b::text[], %b::int4[]) AS changed (handle, attempts) "
    f"WHERE {job.name}.handle = changed.handle"
)
_INT = "int8"
_TYPES = {"state": "int2", "attempts": "int4", "result": "bytea", "error": "text"}
_SETTLE = (
    f"UPDATE {job.name} AS job SET {', '.join(f'{name} = COALESCE(changed.{name}, job.{name})' for name in SETTLED)} "
    f"FROM unnest(%b::text[], {', '.join(f'%b::{_TYPES.get(name, _INT)}[]' for name in SETTLED)}) "
    f"AS changed (handle, {', '.join(SETTLED)}) WHERE job.handle = changed.handle AND job.state = {WAITING}"
)


def waiting_ids(only: str = "", lock: str = "") -> str:
    """What finds the ids of the first rows to claim; of those that meet a further condition, and locked."""
    of_function = f"SELECT job.id FROM {job.name} AS job WHERE job.state = {WAITING} AND job.function = wanted.function"
    tail = f"LIMIT wanted.at_most {lock}"
    ready = f"{of_function} AND job.due = 0 {only} ORDER BY job.priority, job.id {tail}"
    soon = f"{of_function} AND job.due > 0 AND job.due <= %b {only} ORDER BY job.due {tail}"
    return (
        "SELECT found.id FROM unnest(%b::text[], %b::int8[]) AS wanted (function, at_most), "
        f"LATERAL (SELECT id FROM ({ready}) AS ready UNION ALL SELECT id FROM ({soon}) AS soon) AS found"
    )


def columns_of(rows: list[Row]) -> list[list[Any]]:
    """Rows as the arrays that `insert` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


_WAITING = waiting_ids()
_ROWS = f"{CLAIMED_ROWS} WHERE id = ANY (%b::int8[]) ORDER BY id"
_DELETE = f"DELETE FROM {job.name} WHERE handle = ANY (%b::text[])"

#: Seconds to connect, and until a connection whose other end is gone counts as broken; what the URL says goes first.
_CONNECT = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_CONNECT_EACH = 2  # seconds to connect to each of several hosts; the next one may be the one to write to
_USER_TIMEOUT = 15_000  # milliseconds for what was sent to be acknowledged, libpq's tcp_user_timeout
#: First half of the advisory lock that says "a server keeps its jobs here"; the second is the table's oid.
LOCK_CLASS = 0x67656172

#: Seconds between attempts to take that lock.
_LOCK_PAUSE = 0.05

#: Where the tables are; the SQL functions that use them say so too.
SCHEMA = "gearbridge"

_LOCK = f"({LOCK_CLASS}, CAST(CAST('{job.name}' AS regclass) AS oid)::int)"


class PostgreSQLStore(LockedTableStore):
    """`postgresql://...`. One server at a time may keep its jobs in a database's table."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._lone = LoneJobs()
        self._unconfirmed = Unconfirmed()

    # A backend that waits for its client, to listen or to speak, is busy with nothing.
    questions: ClassVar[Questions | None] = Questions(
        busy="SELECT count(*) FROM pg_stat_activity "
        "WHERE pid = {} AND state = 'active' AND wait_event_type IS DISTINCT FROM 'Client'",
        end=END_BACKEND,
    )

    def _session(self, raw: Any) -> Session:
        return Session(raw.fileno(), raw.info.backend_pid, f"{raw.info.host}:{raw.info.port}")

    def _create_engine(self, url: URL) -> Engine:
        options = {**_CONNECT, "tcp_user_timeout": _USER_TIMEOUT}
        if len(hosts_of(url)) > 1:
            options["connect_timeout"] = _CONNECT_EACH
        options = {name: value for name, value in options.items() if name not in url.query}
        engine = engine_for(
            url,
            isolation_level="AUTOCOMMIT",
            connect_args={**options, "application_name": "gearbridge server"},
        )
        event.listen(engine, "connect", _look_into_schema)
        return engine

    def _place(self, connection: Connection) -> None:
        # The extension gearbridge makes the schema and the tables too. Who may not create schemas may still use them.
        if connection.execute(text(f"SELECT to_regnamespace('{SCHEMA}') IS NULL")).scalar():
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        for name in metadata.tables:  # version 1 had them where the connection happened to look
            if connection.execute(
                text(f"SELECT to_regclass('public.{name}') IS NOT NULL AND to_regclass('{SCHEMA}.{name}') IS NULL")
            ).scalar():
                connection.execute(text(f"ALTER TABLE public.{name} SET SCHEMA {SCHEMA}"))

    def _lock(self, connection: Connection, seconds: int) -> bool:
        demand_writable(connection)
        deadline = time.monotonic() + seconds
        while not connection.execute(text(f"SELECT pg_try_advisory_lock{_LOCK}")).scalar():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_PAUSE)
        return True

    def _unlock(self, connection: Connection) -> None:
        connection.execute(text(f"SELECT pg_advisory_unlock{_LOCK}"))

    def _set_up(self, connection: Connection) -> None:
        if connection.execute(text("SHOW synchronous_commit")).scalar() == "off":
            # With it off, what was acknowledged could be lost; this session has promised otherwise.
            connection.execute(text("SET synchronous_commit TO on"))
        if connection.execute(text("SHOW fsync")).scalar() == "off":
            _log.warning("fsync is off in this PostgreSQL: a power failure loses acknowledged jobs")
        warn_of_lost_commits(connection, self._url)
        raw: Any = connection.connection.dbapi_connection
        self._unconfirmed.listen(raw)
        wait_for_standbys(connection)
        self._demand_confirmation()

    def replay(self) -> Iterator[StoredJob]:
        """The jobs in the table, in order of submission."""
        # Until the table is analyzed the planner takes KEPT rows for rare, and would sort all that is left of the table
        # for every thousand of them. The primary key has them in order.
        self._set("SET enable_sort TO off")
        try:
            yield from super().replay()
        finally:
            with contextlib.suppress(StoreError):  # a broken connection has forgotten it anyway
                self._set("RESET enable_sort")

    def doorbell(self) -> Doorbell:
        """NOTIFY, on a connection of its own."""
        return PostgreSQLDoorbell(self._connect_beside)

    def _set(self, statement: str) -> None:
        with self._errors_told():
            raw: Any = self._connected().connection.dbapi_connection
            raw.execute(statement)

    def _connect_beside(self) -> Any:
        if self._engine is None:
            raise StoreUnavailable("the store is not open")
        pooled = self._engine.raw_connection()
        pooled.detach()
        return pooled.dbapi_connection

    def _send(self, raw: Any, state: int, row: Row) -> int | None:
        return self._lone.begin(raw.pgconn, state, row, *self._beside())

    def _answered(self, raw: Any, *, wait: bool) -> bool | None:
        # A commit that a standby may not have is asked for again, and then its session is ended.
        return self._lone.ended(raw.pgconn, wait=wait) and not self._unconfirmed.happened

    def _beside(self) -> tuple[int, ...]:
        """What LoneJobs is given beside the job."""
        return ()

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        raw: Any = connection.connection.dbapi_connection
        if not self._lone.write(raw.pgconn, group, *self._beside()):
            super()._write(connection, group)
        self._demand_confirmation()

    def _demand_confirmation(self) -> None:
        if self._unconfirmed.taken():
            self._disconnect()
            raise StoreUnavailable("the wait for a synchronous standby was cancelled: a failover could lose the commit")

    def _is_unavailable(self, error: Exception) -> bool:
        return is_unavailable(error)

    def _inserts(self, rows: list[Row], state: int) -> Iterator[Statement]:
        yield _INSERT[state], columns_of(rows)

    def _updates(self, attempts: dict[str, int]) -> Iterator[Statement]:
        yield _UPDATE, [list(attempts), list(attempts.values())]

    def _settles(self, settled: dict[str, Settlement]) -> Iterator[Statement]:
        yield _SETTLE, [list(settled), *(list(column) for column in zip(*settled.values(), strict=True))]

    def _waiting(self, connection: Connection, wanted: list[tuple[str, int]], until: int) -> list[int]:
        functions, limits = zip(*wanted, strict=True) if wanted else ((), ())
        raw: Any = connection.connection.dbapi_connection
        rows = raw.execute(_WAITING, [list(functions), list(limits), until], prepare=True)
        return [row[0] for row in rows]

    def _rows(self, connection: Connection, ids: list[int]) -> Iterable[Sequence[Any]]:
        # One array, in binary like the rows.
        raw: Any = connection.connection.dbapi_connection
        rows: list[Sequence[Any]] = raw.cursor(binary=True).execute(_ROWS, [ids], prepare=True).fetchall()
        return rows

    def _deletes(self, handles: list[str]) -> Iterator[Statement]:
        yield _DELETE, [handles]

    def _run(self, raw: Any, statements: list[Statement]) -> None:
        if len(statements) == 1:
            raw.execute(*statements[0], prepare=True)
            return
        with rolling_back(raw), raw.pipeline():
            raw.execute(self.begin)
            for statement in statements:
                raw.execute(*statement, prepare=True)
            raw.execute("COMMIT")


@contextlib.contextmanager
def rolling_back(raw: Any) -> Iterator[None]:
    """A block after which no transaction is left open, however it ends."""
    try:
        yield
    except BaseException:
        if not raw.closed:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                raw.rollback()
        raise


def _look_into_schema(connection: Any, _record: Any) -> None:
    try:  # nobody watches over a connection that is being made
        answer(connection.pgconn, f"SET search_path TO {SCHEMA}", _CONNECT["connect_timeout"])
    except StoreUnavailable:
        connection.close()
        raise
