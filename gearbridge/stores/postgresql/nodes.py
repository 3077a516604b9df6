"""The job table in PostgreSQL, for several servers: a claim is one statement, and so one round trip and one commit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from psycopg.errors import DivisionByZero, NotNullViolation
from sqlalchemy import text

from gearbridge.errors import StoreFenced

from ..jobtable.rows import CLAIM_COLUMNS, COLUMNS, CONTENT
from ..jobtable.schema import WAITING, job, node
from ..ownership.heartbeat import FENCED, SessionSetup
from ..ownership.shared_claims import SharedTableStore
from .replication import demand_writable
from .single_put import SinglePutStatements
from .statements import PUT, UNLESS_OURS, columns_of, insert, waiting_ids
from .store import PostgreSQLStore
from .transactions import rolling_back
from .wakeup import RING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

    from gearbridge.records import Put

    from ..interface import Node
    from ..jobtable.batch import Steps
    from ..jobtable.bulk import Statement
    from ..jobtable.claim_size import Fit
    from ..jobtable.rows import Row

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
    f"WITH free AS MATERIALIZED ({waiting_ids(_FREE, 'FOR UPDATE OF job SKIP LOCKED', 'length(job.payload)')}), "
    # In the order in which they were found, as long as they fit, and the first one in any case.
    "fit AS (SELECT id, length, sum(length) OVER (ROWS UNBOUNDED PRECEDING) AS till FROM free) "
    f"UPDATE {job.name} AS job SET owner = ({_OWN}) "
    "WHERE job.id = ANY (ARRAY(SELECT id FROM fit WHERE till <= %b::int8 OR till = length)) "
    f"RETURNING {', '.join(f'job.{name}' for name in CLAIM_COLUMNS)}, job.id"
)
_INSERT = insert(WAITING, UNLESS_OURS)
_INSERT_KEYED = insert(WAITING, "DO NOTHING")  # for a unique key that is there, too
#: Fails where one of these handles is another job's.
_DEMAND_OURS = (
    f"SELECT CAST('another job has the handle ' || job.handle AS boolean) FROM {PUT} "
    f"JOIN {job.name} AS job ON job.handle = put.handle WHERE ({', '.join(f'job.{name}' for name in CONTENT)}) "
    f"IS DISTINCT FROM ({', '.join(f'put.{name}' for name in CONTENT)})"
)
_ASKED = "unnest(%b::text[], %b::text[], %b::text[]) AS asked (handle, function, unique_key)"
_FOUND = (
    f"SELECT asked.handle, job.handle, true FROM {_ASKED} JOIN {job.name} AS job ON job.function = asked.function "
    f"AND job.unique_key = asked.unique_key WHERE job.state = {WAITING} AND job.unique_key <> '' "
    f"UNION ALL SELECT handle, handle, xmin = pg_current_xact_id()::xid FROM {job.name} WHERE handle = ANY (%b::text[])"
)


class SharedPostgreSQLStore(SharedTableStore, PostgreSQLStore):
    """`postgresql://...` and a node's name."""

    ring: ClassVar[tuple[Statement, ...]] = ((RING, ()),)
    session_setup: ClassVar[SessionSetup] = SessionSetup(ring=("NOTIFY gearbridge",))

    def __init__(self, url: URL, node: Node) -> None:
        super().__init__(url, node)
        self._lone = SinglePutStatements(_OWNER, f"{_ALONE.format(2)} = 1")

    def begin_put(self, put: Put) -> int | None:
        """Send a job on its way that has no unique key to be looked for, while this is a node for certain."""
        return None if put.job.unique_key or self._may_be_removed() else super().begin_put(put)

    def _beside(self) -> tuple[int, ...]:
        return (self._epoch,)

    def _write(self, connection: Connection, group: list[Steps]) -> None:
        raw: Any = connection.connection.dbapi_connection
        if self._may_be_removed():
            self._demand_node(raw)
        keyed = any(row[2] for steps in group for _, rows in steps.inserts() for row in rows.values())
        if keyed or not self._lone.write(raw.pgconn, group, *self._beside()):
            super()._write(connection, group)
        self._demand_confirmation(raw)

    def _set_up(self, connection: Connection) -> None:
        demand_writable(connection)
        super()._set_up(connection)
        # A node that is stopped in the middle of a transaction delays the others no longer.
        connection.execute(text("SET idle_in_transaction_session_timeout = '2s'"))

    def _hold_nodes(self, connection: Connection) -> None:
        # A claim sees the nodes of the moment at which it began, but the rows as they are: one that another node
        # claimed since then would look free if that node were newer. So there is no newer one: a claim locks this
        # table before that moment. All others wait for us meanwhile, so we do not wait for long.
        connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
        connection.execute(text(f"LOCK TABLE {node.name} IN EXCLUSIVE MODE"))

    def _inserts(self, rows: list[Row], _state: int) -> Iterator[Statement]:
        # One statement for all of them, so that ids follow the order of submission.
        yield (_INSERT_KEYED if any(row[2] for row in rows) else _INSERT), columns_of(rows)

    def _statements(self, group: list[Steps]) -> list[Statement]:
        ended = [
            row for steps in group for _, rows in steps.inserts() for row in rows.values() if row[0] in steps.drops
        ]
        first = [(_DEMAND_OURS, columns_of(ended))] if ended else []  # afterwards they are gone
        return [*first, *super()._statements(group)]

    def _claimed(
        self, connection: Connection, wanted: list[tuple[str, int]], until: int, fit: Fit
    ) -> Iterable[Sequence[Any]]:
        raw: Any = connection.connection.dbapi_connection
        if self._may_be_removed():
            self._demand_node(raw)
        functions, limits = zip(*wanted, strict=True) if wanted else ((), ())
        parameters = [list(functions), list(limits), until, self._epoch, fit.limit]
        try:
            with raw.cursor(binary=True) as cursor:
                rows: list[Sequence[Any]] = cursor.execute(_CLAIM, parameters, prepare=True).fetchall()
        except NotNullViolation:  # no epoch to be the owner
            raise StoreFenced(FENCED) from None
        self._demand_confirmation(raw)
        fit.count(rows)
        if not rows:
            self._demand_node(raw)
        return rows

    def _may_be_removed(self) -> bool:
        """Return whether the lease may be over: then a look comes first, since the fence logs an error."""
        return time.monotonic() > self._sure_until

    def _demand_node(self, raw: Any) -> None:
        """Look whether this node's row is there, which a removal may follow at once; StoreFenced where it is not."""
        if raw.execute(_THERE, [self._epoch], prepare=True).rowcount != 1:
            raise StoreFenced(FENCED)

    def _commit(self, connection: Connection, statements: list[Statement], puts: dict[str, Row]) -> dict[str, str]:
        raw: Any = connection.connection.dbapi_connection
        statements = [(_FENCE, [self._epoch]), *statements]
        try:
            return self._run_joining(raw, statements, puts)
        except DivisionByZero:
            raise StoreFenced(FENCED) from None

    def _run_joining(self, raw: Any, statements: list[Statement], puts: dict[str, Row]) -> dict[str, str]:
        if all(statement is not _INSERT_KEYED for statement, _ in statements):
            self._run(raw, statements)
            return {}
        with rolling_back(raw):
            with raw.pipeline():
                raw.execute(self.begin)
                cursors = [raw.execute(*statement, prepare=True) for statement in statements]
            kept_out = any(
                cursor.rowcount < len(values[0])
                for (statement, values), cursor in zip(statements, cursors, strict=True)
                if statement is _INSERT_KEYED
            )
            # Where no row was kept out, there is nothing to look for.
            joined = self._join(raw, puts) if kept_out and puts else {}
            raw.execute("COMMIT")
        return joined

    def _found(self, raw: Any, keyed: dict[str, Row]) -> Iterator[tuple[str, str]]:
        handles, functions, keys = (list(column) for column in list(zip(*keyed.values(), strict=True))[:3])
        # Not prepared: a plan made while the table was small would walk over all of it when it is large.
        found = raw.execute(_FOUND, [handles, functions, keys, handles], prepare=False).fetchall()
        there = [keyed[put] for put, other, is_new in found if put == other and not is_new]
        if there:  # rows of ours, from a commit whose answer was lost; or others', and then this fails
            raw.execute(_INSERT, columns_of(there), prepare=False)
        return ((put, other) for put, other, _ in found)
