"""The job table in PostgreSQL, through psycopg 3: arrays unnested into one INSERT, one DELETE by array.

A group of several kinds of operation travels as one pipeline, so it is one round trip too.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, Engine, text

from gearbridge.errors import ConfigurationError, StoreError, StoreUnavailable

from ..database.errors import is_locked, is_made_meanwhile, is_not_permitted
from ..database.libpq import answer
from ..database.watchdog import SENDING, Questions, Session
from ..jobtable.schema import metadata
from ..ownership.exclusive import LockedTableStore
from .encoding import EncodableNames
from .owner_lock import JOB_HOLDERS, TABLE_HOLDERS, OwnerLock
from .replication import (
    Unconfirmed,
    demand_synchronous,
    demand_writable,
    is_unavailable,
    wait_for_standbys,
    warn_of_lost_commits,
)
from .sessions import SCHEMA, engine_of
from .single_put import SinglePutStatements
from .statements import (
    DELETE,
    FREE,
    INSERT,
    PAYLOADS,
    ROWS,
    SETTLE,
    UPDATE,
    WAITING_IDS,
    columns_of,
)
from .system import system_of
from .transactions import read, roll_back, rolling_back
from .trust import demand_columns, demand_trust
from .wakeup import END_BACKEND, PostgreSQLWakeup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.engine import URL

    from gearbridge.records import StoredJob

    from ..interface import Traits, Wakeup
    from ..jobtable.batch import Steps
    from ..jobtable.bulk import Statement
    from ..jobtable.rows import Row, Settlement

_log = logging.getLogger(__name__)


#: The error where this role lacks a right that the tables need.
_OWNER_UPGRADES = (
    "the tables are made, and brought up to date, by their owner: with ALTER EXTENSION gearbridge UPDATE, or one start "
    "of gearbridge server; gearbridge.grant_server() lets another role use them"
)
#: How often a store is opened while others make the same tables.
_TRIES = 5


class PostgreSQLStore(LockedTableStore):
    """`postgresql://...`. One server at a time may keep its jobs in a database's table."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._lone = SinglePutStatements()
        self._unconfirmed = Unconfirmed()
        self._names = EncodableNames()
        self._owner_lock = OwnerLock()
        self._synchronous = False

    # A backend that waits for its client to speak is busy with nothing.
    questions: ClassVar[Questions | None] = Questions(
        busy=f"SELECT CASE WHEN wait_event = 'ClientWrite' THEN {SENDING} "
        "WHEN state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' THEN 1 ELSE 0 END "
        "FROM pg_stat_activity WHERE pid = {}",
        end=END_BACKEND,
    )

    def _session(self, raw: Any) -> Session:
        return Session(raw.fileno(), raw.backend, f"{raw.info.host}:{raw.info.port}")

    def _ask(self, connection: Connection, query: str) -> Any:
        raw: Any = connection.connection.dbapi_connection
        return answer(raw.pgconn, query)

    def _create_engine(self, url: URL) -> Engine:
        return engine_of(url)

    def open(self) -> None:
        """Connect, and create the tables or check their version, of which another server may do the same just now."""
        for _ in range(_TRIES - 1):
            try:
                super().open()
            except ConfigurationError as error:
                if error.__cause__ is None or not is_made_meanwhile(error.__cause__):
                    raise
            else:
                return
        super().open()

    def require_synchronous(self) -> None:
        """Take nothing for written that no synchronous standby has, and nothing to write while there is none."""
        self._synchronous = True

    @property
    def traits(self) -> Traits:
        """Those of a table that is owned; not prompt where each commit is to be looked at."""
        found = super().traits
        return found._replace(prompt=False) if self._synchronous else found

    def _explained(self, error: Exception) -> str:
        why = super()._explained(error)
        if is_not_permitted(error):
            return f"{why}; {_OWNER_UPGRADES}"
        if not is_locked(error):
            return why
        with self._as_store_errors():
            held = self._connected().execute(TABLE_HOLDERS).scalars().all()
        return f"{why}; locks of the tables are held by: {'; '.join(held) or 'none any more'}"

    def _place(self, connection: Connection) -> None:
        # The extension gearbridge makes the schema and the tables too. Who may not create schemas may still use them.
        if connection.execute(text(f"SELECT to_regnamespace('{SCHEMA}') IS NULL")).scalar():
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        else:
            connection.execute(text("SET LOCAL lock_timeout TO '3s'"))  # a step to a new version is worth a wait
            demand_trust(connection, SCHEMA)
        for name in metadata.tables:  # version 1 had them where the connection happened to look
            if connection.execute(
                text(f"SELECT to_regclass('public.{name}') IS NOT NULL AND to_regclass('{SCHEMA}.{name}') IS NULL")
            ).scalar():
                demand_trust(connection, "public", only_tables=True)
                connection.execute(text(f"ALTER TABLE public.{name} SET SCHEMA {SCHEMA}"))
        connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))

    def _look_over(self, connection: Connection) -> None:
        demand_columns(connection, SCHEMA)

    def _try_lock(self, connection: Connection, *, again: bool = False) -> str | None:
        demand_writable(connection)
        return self._owner_lock.take(connection, again=again)

    def _unlock(self, connection: Connection) -> None:
        self._owner_lock.release(connection)

    def _set_up(self, connection: Connection) -> None:
        if connection.execute(text("SHOW synchronous_commit")).scalar() == "off":
            # With it off, what was acknowledged could be lost; this session has promised otherwise.
            connection.execute(text("SET synchronous_commit TO on"))
        if connection.execute(text("SHOW fsync")).scalar() == "off":
            _log.warning("fsync is off in this PostgreSQL: a power failure loses acknowledged jobs")
        raw: Any = connection.connection.dbapi_connection
        if self._synchronous:
            demand_synchronous(raw)
        else:
            warn_of_lost_commits(connection, self._url)
        self._unconfirmed.listen(raw)
        wait_for_standbys(connection)
        self._demand_confirmation(raw)

    def _free(self, connection: Connection, handles: list[str]) -> Iterable[str]:
        raw: Any = connection.connection.dbapi_connection
        return [row[0] for row in raw.execute(FREE, [handles], prepare=False)]

    def _describe_holders(self, connection: Connection) -> str:
        return "; ".join(connection.execute(JOB_HOLDERS).scalars())

    def replay(self) -> Iterator[StoredJob]:
        """The jobs in the table, in order of submission."""
        # Until the table is analyzed the planner takes KEPT rows for rare, and would sort all that is left of the table
        # for every thousand of them. The primary key has them in order.
        self._outlasting(partial(self._set, "SET enable_sort TO off"))
        try:
            yield from super().replay()
        finally:
            with contextlib.suppress(StoreError):  # a broken connection has forgotten it anyway
                self._set("RESET enable_sort")

    def _system(self, connection: Connection) -> str:
        return system_of(connection)

    def wakeup(self) -> Wakeup:
        """NOTIFY, on a connection of its own."""
        return PostgreSQLWakeup(self._connect_beside)

    def _set(self, statement: str) -> None:
        with self._as_store_errors():
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
        """Return the arguments of SinglePutStatements beside the job."""
        return ()

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        raw: Any = connection.connection.dbapi_connection
        if not self._lone.write(raw.pgconn, group, *self._beside()):
            super()._write(connection, group)
        self._demand_confirmation(raw)

    def _demand_confirmation(self, raw: Any) -> None:
        """Raise StoreUnavailable, and disconnect, where a failover could lose the last commit."""
        try:
            if self._unconfirmed.taken():
                raise StoreUnavailable(
                    "the wait for a synchronous standby was cancelled: a failover could lose the commit"
                )
            if self._synchronous:
                demand_synchronous(raw)
        except StoreUnavailable:
            self._disconnect()
            raise

    def _is_unavailable(self, error: Exception) -> bool:
        return is_unavailable(error)

    def _inserts(self, rows: list[Row], state: int) -> Iterator[Statement]:
        yield INSERT[state], columns_of(rows)

    def _updates(self, attempts: dict[str, int]) -> Iterator[Statement]:
        yield UPDATE, [list(attempts), list(attempts.values())]

    def _settles(self, settled: dict[str, Settlement]) -> Iterator[Statement]:
        yield SETTLE, [list(settled), *(list(column) for column in zip(*settled.values(), strict=True))]

    def _holdable(self, connection: Connection, wanted: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return self._names.only(connection.connection.dbapi_connection, wanted)

    def _waiting(self, connection: Connection, wanted: list[tuple[str, int]], until: int) -> list[int]:
        functions, limits = zip(*wanted, strict=True) if wanted else ((), ())
        raw: Any = connection.connection.dbapi_connection
        rows = raw.execute(WAITING_IDS, [list(functions), list(limits), until], prepare=True)
        return [row[0] for row in rows]

    def _rows(self, connection: Connection, ids: list[int], inline: int) -> Iterable[Sequence[Any]]:
        return read(connection, ROWS, [inline, ids])

    def _payloads(self, connection: Connection, ids: list[int]) -> Iterable[Sequence[Any]]:
        return read(connection, PAYLOADS, [ids])

    def _deletes(self, handles: list[str]) -> Iterator[Statement]:
        yield DELETE, [handles]

    def _roll_back(self, connection: Connection) -> None:
        roll_back(connection.connection.dbapi_connection)

    def _run(self, raw: Any, statements: list[Statement]) -> None:
        if len(statements) == 1:
            raw.execute(*statements[0], prepare=True)
            return
        with rolling_back(raw), raw.pipeline():
            raw.execute(self.begin)
            for statement in statements:
                raw.execute(*statement, prepare=True)
            raw.execute("COMMIT")
