"""The job table in PostgreSQL, for several servers: a claim is one statement, and so one round trip and one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.errors import DivisionByZero, NotNullViolation
from sqlalchemy import text

from gearbridge.errors import StoreFenced

from .doorbell import RING
from .heartbeat import FENCED, Manners
from .postgresql import LOCK_CLASS, PostgreSQLStore, columns_of, insert, rolling_back, waiting_ids
from .postgresql_lone import LoneJobs
from .replication import demand_writable
from .rows import CLAIM_COLUMNS, COLUMNS
from .schema import WAITING, job, node
from .shared import SharedTableStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from gearbridge.records import Put

    from .bulk import Statement
    from .node import Node
    from .rows import Row, Steps

# The heartbeat changes this row at the same time, and its removal waits: that is what a KEY SHARE lock is for.
_OWN = f"SELECT epoch FROM {node.name} WHERE epoch = %b::int8 FOR KEY SHARE"
#: Fails where our own row is gone, so that it needs no answer before the statements behind it.
_FENCE = f"SELECT 1 / count(*) FROM ({_OWN}) AS own"
#: The same for a lone statement, whose parameter of this number our epoch is: 1, or an error.
_ALONE = f"(SELECT 1 / count(*) FROM (SELECT epoch FROM {node.name} WHERE epoch = ${{}}::int8 FOR KEY SHARE) AS own)"
_OWNER = f"{_ALONE.format(len(COLUMNS) + 1)} - 1 + 0 * (SELECT count(*) FROM ({RING}) AS rung)"
_THERE = f"SELECT FROM {node.name} WHERE epoch = %b::int8"
_FREE = f"AND job.owner <> ALL (ARRAY(SELECT epoch FROM {node.name}))"
# Our own row is locked when the first job's row is written, and not for nothing: that would be a commit each time.
_CLAIM = (
    f"WITH free AS MATERIALIZED ({waiting_ids(_FREE, 'FOR UPDATE OF job SKIP LOCKED')}) "
    f"UPDATE {job.name} AS job SET owner = ({_OWN}) WHERE job.id = ANY (ARRAY(SELECT id FROM free)) "
    f"RETURNING {', '.join(f'job.{name}' for name in CLAIM_COLUMNS)}, job.id"
)
_INSERT = insert(WAITING, "")  # a unique key is a conflict too
_ASKED = "unnest(%b::text[], %b::text[], %b::text[]) AS asked (handle, function, unique_key)"
_FOUND = (
    f"SELECT asked.handle, job.handle FROM {_ASKED} JOIN {job.name} AS job ON job.function = asked.function "
    f"AND job.unique_key = asked.unique_key WHERE job.state = {WAITING} AND job.unique_key <> '' "
    f"UNION ALL SELECT handle, handle FROM {job.name} WHERE handle = ANY (%b::text[])"
)


class SharedPostgreSQLStore(SharedTableStore, PostgreSQLStore):
    """`postgresql://...` and a node's name."""

    ring: ClassVar[tuple[Statement, ...]] = ((RING, ()),)
    manners: ClassVar[Manners] = Manners(("SET lock_timeout = '1s'",), ("NOTIFY gearbridge",))

    def __init__(self, url: URL, node: Node) -> None:
        super().__init__(url, node)
        self._lone = LoneJobs(_OWNER, f"{_ALONE.format(2)} = 1")

    def begin_put(self, put: Put) -> int | None:
        """Send a job on its way that has no unique key to be looked for."""
        return None if put.job.unique_key else super().begin_put(put)

    def _beside(self) -> tuple[int, ...]:
        return (self._epoch,)

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        raw: Any = connection.connection.dbapi_connection
        keyed = any(row[2] for steps in group for _, rows in steps.inserts() for row in rows.values())
        if keyed or not self._lone.write(raw.pgconn, group, *self._beside()):
            super()._write(connection, group)
        self._demand_confirmation()

    def _place(self, connection: Connection) -> None:
        # Nodes begin together, and one makes the tables.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_CLASS})"))
        super()._place(connection)

    def _set_up(self, connection: Connection) -> None:
        demand_writable(connection)
        super()._set_up(connection)
        # A node that is stopped in the middle of a transaction keeps nobody waiting for longer.
        connection.execute(text("SET idle_in_transaction_session_timeout = '2s'"))

    def _hold_nodes(self, connection: Connection) -> None:
        # A claim sees the nodes of the moment at which it began, but the rows as they are: one that another node
        # claimed since then would look free if that node were newer. So there is no newer one: a claim locks this
        # table before that moment. All others wait for us meanwhile, so we do not wait for long.
        connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
        connection.execute(text(f"LOCK TABLE {node.name} IN EXCLUSIVE MODE"))

    def _inserts(self, rows: list[Row], _state: int) -> Iterator[Statement]:
        yield _INSERT, columns_of(rows)

    def _claimed(self, connection: Connection, wanted: list[tuple[str, int]], until: int) -> Iterable[Sequence[Any]]:
        raw: Any = connection.connection.dbapi_connection
        functions, limits = zip(*wanted, strict=True) if wanted else ((), ())
        parameters = [list(functions), list(limits), until, self._epoch]
        try:
            rows: list[Sequence[Any]] = raw.cursor(binary=True).execute(_CLAIM, parameters, prepare=True).fetchall()
        except NotNullViolation:  # no epoch to be the owner
            raise StoreFenced(FENCED) from None
        self._demand_confirmation()
        if not rows and raw.execute(_THERE, [self._epoch], prepare=True).rowcount != 1:
            raise StoreFenced(FENCED)
        return rows

    def _commit(self, connection: Connection, statements: list[Statement], keyed: dict[str, Row]) -> dict[str, str]:
        raw: Any = connection.connection.dbapi_connection
        statements = [(_FENCE, [self._epoch]), *statements]
        try:
            return self._run_joining(raw, statements, keyed)
        except DivisionByZero:
            raise StoreFenced(FENCED) from None

    def _run_joining(self, raw: Any, statements: list[Statement], keyed: dict[str, Row]) -> dict[str, str]:
        if not keyed:
            self._run(raw, statements)
            return {}
        with rolling_back(raw):
            with raw.pipeline():
                raw.execute(self.begin)
                cursors = [raw.execute(*statement, prepare=True) for statement in statements]
            inserts = [(one, cursor) for one, cursor in zip(statements, cursors, strict=True) if one[0] is _INSERT]
            if all(cursor.rowcount == len(values[0]) for (_, values), cursor in inserts):
                keyed = {}  # no row was kept out: there is nothing to look for
            joined = self._join(raw, keyed) if keyed else {}
            raw.execute("COMMIT")
        return joined

    def _found(self, raw: Any, keyed: dict[str, Row]) -> Iterator[tuple[str, str]]:
        handles, functions, keys = (list(column) for column in list(zip(*keyed.values(), strict=True))[:3])
        # Not prepared: a plan made while the table was small would walk over all of it when it is large.
        rows: Iterator[tuple[str, str]] = raw.execute(_FOUND, [handles, functions, keys, handles], prepare=False)
        return rows
