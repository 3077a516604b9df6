"""The job table in MySQL 5.7 and later and MariaDB, through PyMySQL: multi-row INSERT, DELETE by list.

PyMySQL writes parameters into the statement's text, and a statement must fit the server's max_allowed_packet: rows are
cut into statements by their size.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, Engine, bindparam, literal_column, select, text
from sqlalchemy.exc import DBAPIError

from gearbridge.errors import StoreError, StoreUnavailable

from ..database.errors import is_deadlocked, is_locked, is_not_understood
from ..database.mysql_hosts import nodes_of
from ..database.watchdog import SENDING, Questions, Session
from ..jobtable.bulk import chunks, claimed_rows, settle_statement
from ..jobtable.queries import Waiting, waiting
from ..jobtable.rows import CLAIM_COLUMNS, COLUMNS, CONTENT, SETTLED
from ..jobtable.schema import KEPT, MYSQL_SLOT, WAITING, job
from ..ownership.exclusive import LockedTableStore
from .cluster import catch_up, is_unavailable
from .large_values import has_large, with_values
from .owner_lock import HOLDER, OwnerLock
from .sessions import engine_of
from .single_put import is_done, send
from .trust import demand_columns, demand_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.engine import URL

    from ..interface import Traits
    from ..jobtable.bulk import Statement
    from ..jobtable.rows import Row, Settlement

_log = logging.getLogger(__name__)

_ROW = {state: "(" + ", ".join(["%s"] * len(COLUMNS)) + f", {state})" for state in (KEPT, WAITING)}
#: Handles per DELETE.
_SIZES = (1000, 100, 10, 1)
#: Bytes of payload after which a statement takes no further row.
_STATEMENT_SIZE = 1 << 20
#: What a statement needs besides a payload: the other columns, escaped, and the words around them.
_OVERHEAD = 32_768
#: Seconds that no call takes. Not None: an event loop that waits for an answer leaves the socket non-blocking, which
#: PyMySQL copes with only where it has a limit.
_NO_LIMIT = 86_400


def _quoted(columns: tuple[str, ...]) -> list[str]:
    """Columns as MySQL 8 wants them, where `function` is a reserved word."""
    return [f"`{name}`" for name in columns]


_INSERT_HEAD = f"INSERT INTO {job.name} ({', '.join(_quoted(COLUMNS))}, state) VALUES "
# INSERT IGNORE would also ignore data that does not fit. The row in the way of a node's may have the same unique key
# only; where it has the same handle, and is another job's, this fails: a handle may not be NULL.
_SAME = " AND ".join(f"`{name}` <=> VALUES(`{name}`)" for name in CONTENT)
_INSERT_TAIL = f" ON DUPLICATE KEY UPDATE handle = IF(handle <> VALUES(handle) OR ({_SAME}), handle, NULL)"
_OF_HANDLES = job.c.handle.in_(bindparam("handles", expanding=True))
_FREE = select(job.c.handle).where(_OF_HANDLES).with_for_update(skip_locked=True)
_HOLDERS = text(
    "SELECT trx_mysql_thread_id, trx_started FROM information_schema.innodb_trx "
    "WHERE trx_mysql_thread_id <> CONNECTION_ID() AND trx_rows_locked > 0 ORDER BY trx_started LIMIT 3"
)
_UPDATE = f"UPDATE {job.name} SET attempts = %s, numerator = NULL, denominator = NULL WHERE handle = %s"
_SETTLE = settle_statement("%s")
#: One step of a walk from function to function, whatever waits in each.
_NEXT_FUNCTION = (
    f"SELECT `function`, function_slot FROM {job.name} WHERE state = {WAITING} AND function_slot > %s "
    "ORDER BY function_slot LIMIT 1"
)
#: The query that distinguishes a server from a copy of it; MySQL has an identifier of its own in its data's folder.
_SYSTEM = text(
    "SHOW GLOBAL VARIABLES WHERE variable_name IN "
    "('server_uuid', 'server_uid', 'server_id', 'hostname', 'port', 'datadir', 'wsrep_on')"
)
_CLUSTER = text("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")
#: A dump that is restored makes the table anew.
_MADE = text(
    "SELECT CAST(create_time AS CHAR) FROM information_schema.tables "
    f"WHERE table_schema = DATABASE() AND table_name = '{job.name}'"
)
#: Seconds before a group is tried again that a deadlock undid; in Galera that is also what two nodes wrote at once.
_DEADLOCK_PAUSES = (0.0, 0.01, 0.05, 0.2)


#: What the index over the functions answers.
IS_OF_FUNCTION = literal_column("function_slot") == text(MYSQL_SLOT.format(":of_function"))


class MySQLStore(LockedTableStore):
    """`mysql://...` or `mariadb://...`. One server at a time may keep its jobs in a database's table."""

    _max_payload: int | None = None

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._nodes = nodes_of(url)
        self._owner_lock = OwnerLock()

    @property
    def traits(self) -> Traits:
        """Durable and transactional; payloads up to what max_allowed_packet leaves, known once open."""
        return super().traits._replace(max_payload=self._max_payload)

    claimed_rows: ClassVar[str] = claimed_rows(_quoted(CLAIM_COLUMNS))
    waiting: ClassVar[Waiting] = waiting(IS_OF_FUNCTION)
    questions: ClassVar[Questions | None] = Questions(
        busy=f"SELECT CASE WHEN state IN ('Writing to net', 'Sending to client') THEN {SENDING} "
        "WHEN command = 'Sleep' OR state = 'Reading from net' THEN 0 ELSE 1 END "
        "FROM information_schema.processlist WHERE id = {}",
        end="KILL {}",
    )

    def _session(self, raw: Any) -> Session:
        return Session(raw._sock.fileno(), raw.thread_id(), f"{raw.host}:{raw.port}")

    def _create_engine(self, url: URL) -> Engine:
        return engine_of(url, self._nodes)

    def _place(self, connection: Connection) -> None:
        demand_tables(connection)

    def _look_over(self, connection: Connection) -> None:
        demand_columns(connection)

    def _try_lock(self, connection: Connection, *, again: bool = False) -> str | None:
        catch_up(connection)  # a host that is behind in its cluster does not know the table's owner
        for pause in _DEADLOCK_PAUSES:
            try:
                return self._owner_lock.take(connection, self._elsewhere(connection), again=again)
            except DBAPIError as error:
                if is_locked(error):
                    return "somebody who is about to take it"
                if not is_deadlocked(error):
                    raise
                self._unlock(connection)  # of two at once on two hosts of a cluster the other one has committed
                time.sleep(pause)
        raise StoreUnavailable("other servers try to own the job table at the same time")

    def _unlock(self, connection: Connection) -> None:
        self._owner_lock.release(connection)

    def _set_up(self, connection: Connection) -> None:
        catch_up(connection)
        flush, packet = connection.execute(
            text("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@SESSION.max_allowed_packet")
        ).one()
        warn_of_lazy_commits(str(flush))
        # Escaping may double a payload that is nothing but quotes and backslashes.
        self._max_payload = max(0, (packet - _OVERHEAD) // 2)
        # From now on the watch ends what is waited for in vain. PyMySQL's own limits are for how long a call takes.
        raw: Any = connection.connection.dbapi_connection
        for name in {"read_timeout", "write_timeout"} - {*self._url.query}:
            setattr(raw, f"_{name}", _NO_LIMIT)

    def _elsewhere(self, connection: Connection) -> Iterator[int]:
        """The sessions that have the lock on other hosts: it is a host's own, in a cluster too."""
        if self._nodes is not None and self._watch is not None:
            with self._watch.looking_away():  # one that hangs takes longer to give up than our session may be idle
                holders = self._nodes.elsewhere(connection.connection.dbapi_connection, HOLDER)
                yield from (holder for _, session, holder in holders if holder == session)

    def _system(self, connection: Connection) -> str:
        found = {str(name): str(value) for name, value in connection.execute(_SYSTEM)}
        cluster = connection.execute(_CLUSTER).first() if found.get("wsrep_on") == "ON" else None
        if cluster is not None:  # each of its nodes is the same system
            return f"{cluster[1]} {self._url.database}"
        made = connection.execute(_MADE).scalar()
        return f"{sorted(found.items())} {self._url.database} {made}"

    def _free(self, connection: Connection, handles: list[str]) -> Iterable[str]:
        try:
            return connection.execute(_FREE, {"handles": handles}).scalars().all()
        except DBAPIError as error:
            if not is_not_understood(error):
                raise
            return handles  # before MySQL 8 and MariaDB 10.6 each is tried alone

    def _describe_holders(self, connection: Connection) -> str:
        return "; ".join(f"connection {number} since {began}" for number, began in connection.execute(_HOLDERS))

    def _inserts(self, rows: list[Row], state: int) -> Iterator[Statement]:
        values: list[object] = []
        size = 0
        for row in rows:
            payload = len(row[4])
            self._demand_room(row[4], "payload")
            if values and size + payload + _OVERHEAD // 16 > self._statement_size():
                yield self._insert_of(values, state)
                values, size = [], 0
            values.extend(row)
            size += payload + _OVERHEAD // 16
        if values:
            yield self._insert_of(values, state)

    def _insert_of(self, values: list[object], state: int) -> Statement:
        count = len(values) // len(COLUMNS)
        return _INSERT_HEAD + ", ".join([_ROW[state]] * count) + _INSERT_TAIL, values

    def _send(self, raw: Any, state: int, row: Row) -> int | None:
        if self._max_payload is None or len(row[4]) > self._max_payload:
            return None
        return send(raw, _INSERT_HEAD + _ROW[state], row)

    def _answered(self, raw: Any, *, wait: bool) -> bool | None:
        return is_done(raw, wait=wait)

    def _updates(self, attempts: dict[str, int]) -> Iterator[Statement]:
        for handle, count in attempts.items():
            yield _UPDATE, (count, handle)

    def _settles(self, settled: dict[str, Settlement]) -> Iterator[Statement]:
        for handle, values in settled.items():
            result = values[SETTLED.index("result")]
            if isinstance(result, bytes):
                self._demand_room(result, "result")
            yield _SETTLE, (*values, handle)

    def _deletes(self, handles: list[str]) -> Iterator[Statement]:
        for chunk in chunks(handles, _SIZES):
            yield f"DELETE FROM {job.name} WHERE handle IN ({', '.join(['%s'] * len(chunk))})", chunk

    def _run(self, raw: Any, statements: list[Statement]) -> None:
        for pause in _DEADLOCK_PAUSES:
            try:
                super()._run(raw, statements)
            except Exception as error:
                if not is_deadlocked(error):
                    raise
                time.sleep(pause)
            else:
                return
        super()._run(raw, statements)

    def _execute(self, raw: Any, cursor: Any, statement: str, values: Sequence[object]) -> None:
        if has_large(values):
            cursor.execute(with_values(raw, statement, values))
        else:
            cursor.execute(statement, values)

    def _is_unavailable(self, error: Exception) -> bool:
        return is_unavailable(error)

    def _functions(self, connection: Connection) -> set[str]:
        raw: Any = connection.connection.dbapi_connection
        found: set[str] = set()
        slot = b""
        with raw.cursor() as cursor:
            while cursor.execute(_NEXT_FUNCTION, (slot,)):
                name, slot = cursor.fetchone()
                found.add(name)
        return found

    def _demand_room(self, content: bytes, kind: str) -> None:
        if self._max_payload is not None and len(content) > self._max_payload:
            raise StoreError(
                f"the {kind} of {len(content)} bytes is over {self._max_payload}, "
                "which is what this database's max_allowed_packet has room for"
            )

    def _statement_size(self) -> int:
        return _STATEMENT_SIZE if self._max_payload is None else min(_STATEMENT_SIZE, self._max_payload)


def warn_of_lazy_commits(flush: str) -> None:
    """Log a warning where innodb_flush_log_at_trx_commit is not 1."""
    if flush != "1":
        _log.warning("innodb_flush_log_at_trx_commit is %s here: a crash can lose acknowledged jobs", flush)
