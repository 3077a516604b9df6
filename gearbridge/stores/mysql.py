"""The job table in MySQL 5.7 and later and MariaDB, through PyMySQL: multi-row INSERT, DELETE by list.

PyMySQL writes parameters into the statement's text, and a statement must fit the server's max_allowed_packet: rows are
cut into statements by their size.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, Engine, literal_column, text

from gearbridge.errors import StoreError

from .bulk import chunks, settle_statement
from .cluster import catch_up, is_unavailable
from .engines import engine_for
from .locked import LockedTableStore
from .mysql_hosts import nodes_of
from .mysql_lone import is_done, send
from .refusals import is_deadlocked
from .rows import COLUMNS, SETTLED
from .schema import KEPT, MYSQL_SLOT, WAITING, job
from .statements import Waiting, waiting
from .watch import Questions, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from .base import Abilities
    from .bulk import Statement
    from .mysql_hosts import Nodes
    from .rows import Row, Settlement

_log = logging.getLogger(__name__)

_ROW = {state: "(" + ", ".join(["%s"] * len(COLUMNS)) + f", {state})" for state in (KEPT, WAITING)}
#: Handles per DELETE.
_SIZES = (1000, 100, 10, 1)
#: Bytes of payload after which a statement takes no further row.
_STATEMENT_SIZE = 1 << 20
#: What a statement needs besides a payload: the other columns, escaped, and the words around them.
_OVERHEAD = 32_768
#: Seconds to connect, and until a server that does not answer counts as gone.
_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 30, "write_timeout": 30}

_INSERT_HEAD = f"INSERT INTO {job.name} ({', '.join(COLUMNS)}, state) VALUES "
_INSERT_TAIL = " ON DUPLICATE KEY UPDATE handle = handle"  # INSERT IGNORE would also ignore data that does not fit
_UPDATE = f"UPDATE {job.name} SET attempts = %s, numerator = NULL, denominator = NULL WHERE handle = %s"
_SETTLE = settle_statement("%s")
#: One step of a walk from function to function, whatever waits in each.
_NEXT_FUNCTION = (
    f"SELECT `function`, function_slot FROM {job.name} WHERE state = {WAITING} AND function_slot > %s "
    "ORDER BY function_slot LIMIT 1"
)
#: Of the lock that says "a server or bridge has this table".
LOCK_NAME = f"CONCAT(DATABASE(), '.{job.name}')"
_TAKE = text(f"SELECT GET_LOCK({LOCK_NAME}, :seconds)")
_RELEASE = text(f"SELECT RELEASE_LOCK({LOCK_NAME})")
_IS_TAKEN = f"SELECT IS_USED_LOCK({LOCK_NAME}) IS NOT NULL"
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

    @property
    def abilities(self) -> Abilities:
        """Durable and transactional; payloads up to what max_allowed_packet leaves, known once open."""
        return super().abilities._replace(max_payload=self._max_payload)

    waiting: ClassVar[Waiting] = waiting(IS_OF_FUNCTION)
    questions: ClassVar[Questions | None] = Questions(
        busy="SELECT count(*) FROM information_schema.processlist WHERE id = {} AND command <> 'Sleep'", end="KILL {}"
    )

    def _session(self, raw: Any) -> Session:
        return Session(raw._sock.fileno(), raw.thread_id(), f"{raw.host}:{raw.port}")

    def _create_engine(self, url: URL) -> Engine:
        return engine_of(url, self._nodes)

    def _lock(self, connection: Connection, seconds: int) -> bool:
        deadline = time.monotonic() + seconds
        while connection.execute(_TAKE, {"seconds": seconds}).scalar() == 1:
            if not self._is_taken_elsewhere(connection.connection.dbapi_connection):
                return True
            self._unlock(connection)
            if time.monotonic() >= deadline:
                return False
            time.sleep(random.uniform(0.05, 0.2))  # of two that gave way to each other one is quicker
        return False

    def _unlock(self, connection: Connection) -> None:
        connection.execute(_RELEASE)

    def _set_up(self, connection: Connection) -> None:
        catch_up(connection)
        flush, packet = connection.execute(
            text("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@SESSION.max_allowed_packet")
        ).one()
        warn_of_lazy_commits(str(flush))
        # Escaping may double a payload that is nothing but quotes and backslashes.
        self._max_payload = max(0, (packet - _OVERHEAD) // 2)

    def _is_taken_elsewhere(self, raw: Any) -> bool:
        # A lock is its host's own, in a cluster too. Ours first, then a look at the others': of two at once one sees.
        if self._nodes is None or self._watch is None:
            return False
        with self._watch.looking_away():  # one that hangs takes longer to give up than our session may be idle
            return any(self._nodes.elsewhere(raw, _IS_TAKEN))

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

    def _answered(self, raw: Any, *, wait: bool) -> bool | None:  # an answer is short, and comes whole
        return is_done(raw)

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


def engine_of(url: URL, nodes: Nodes | None = None) -> Engine:
    """What makes connections to this database: in autocommit, strict, and never waiting for ever."""
    own = {"connect_timeout"} if nodes is not None else set()  # they have a shorter one
    timeouts = {name: seconds for name, seconds in _TIMEOUTS.items() if name not in {*url.query, *own}}
    return engine_for(
        url,
        nodes,
        isolation_level="AUTOCOMMIT",
        connect_args={**timeouts, "charset": "utf8mb4", "init_command": "SET sql_mode = 'TRADITIONAL'"},
    )


def warn_of_lazy_commits(flush: str) -> None:
    """Say so in the log where innodb_flush_log_at_trx_commit is not 1."""
    if flush != "1":
        _log.warning("innodb_flush_log_at_trx_commit is %s here: a crash can lose acknowledged jobs", flush)
