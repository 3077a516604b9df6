"""The job table in MySQL 8 or MariaDB 10.6 and later, for several servers."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import text

from gearbridge.errors import ConfigurationError

from ..jobtable.queries import CLAIM_ROWS, Waiting, waiting
from ..jobtable.schema import MYSQL_UNIQUE_SLOT, WAITING, job
from ..ownership.heartbeat import SessionSetup
from ..ownership.node_table import COUNT, FREE, STILL_FREE, TAKE
from ..ownership.shared_claims import SharedTableStore
from .cluster import is_galera
from .store import IS_OF_FUNCTION, MySQLStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from gearbridge.records import Put

    from ..jobtable.bulk import Statement
    from ..jobtable.claim_size import Fit
    from ..jobtable.rows import Row

_log = logging.getLogger(__name__)

#: The first releases that know SKIP LOCKED.
_MARIADB, _MYSQL = (10, 6), (8, 0, 1)
#: Without gap locks, which would keep others from inserting; each statement sees what is committed when it begins.
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
#: Seconds for another node to make the tables.
_MAKING = 5
_MAKING_LOCK = "LEFT(CONCAT('gearbridge.make.', DATABASE()), 64)"
_BEGIN_MAKING = text(f"SELECT GET_LOCK({_MAKING_LOCK}, {_MAKING})")
_END_MAKING = text(f"SELECT RELEASE_LOCK({_MAKING_LOCK})")

_BY_HANDLE = f"SELECT handle FROM {job.name} WHERE handle IN ({{}})"
_BY_KEY = f"SELECT handle, `function`, unique_key FROM {job.name} WHERE unique_slot IN ({{}})"
_SLOT = MYSQL_UNIQUE_SLOT.format("%s", "%s")


class SharedMySQLStore(SharedTableStore, MySQLStore):
    """`mysql://...` or `mariadb://...` and a node's name."""

    waiting: ClassVar[Waiting] = Waiting(
        *(one.where(FREE).with_for_update(skip_locked=True) for one in waiting(IS_OF_FUNCTION))
    )
    session_setup: ClassVar[SessionSetup] = SessionSetup(prepare=(_ISOLATION,))

    _in_galera = False

    def _place(self, connection: Connection) -> None:
        dialect: Any = connection.dialect
        if dialect.server_version_info < (_MARIADB if dialect.is_mariadb else _MYSQL):
            found = ".".join(map(str, dialect.server_version_info))
            raise ConfigurationError(f"--node needs MySQL 8 or MariaDB 10.6, or later; this is {found}")
        # Nodes begin together, and one makes the tables. There is no row yet that could have a key for this lock: any
        # user may take it, and so it is not waited for without end.
        if connection.execute(_BEGIN_MAKING).scalar() != 1:
            _log.warning("another session holds %s; the tables are checked without it", _MAKING_LOCK)
        super()._place(connection)

    def _take(self, connection: Connection) -> None:
        super()._take(connection)
        if not self._opened:
            connection.execute(_END_MAKING)

    def _set_up(self, connection: Connection) -> None:
        super()._set_up(connection)
        connection.execute(text(_ISOLATION))
        self._in_galera = is_galera(connection)

    def _inserts(self, rows: list[Row], _state: int) -> Iterator[Statement]:
        return super()._inserts(rows, WAITING)

    def begin_put(self, _put: Put) -> int | None:
        """Never: a node's transactions are several statements."""
        return None

    def _fence(self, connection: Connection) -> None:
        super()._fence(connection)
        # A lock is its host's own, in a cluster too; but who wrote what was deleted elsewhere meanwhile cannot commit.
        if self._in_galera:
            connection.execute(COUNT, {"mine": self._epoch})

    def _claimed(
        self, connection: Connection, wanted: list[tuple[str, int]], until: int, fit: Fit
    ) -> Iterable[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        with self._transaction(connection):
            self._fence(connection)
            locked = self._waiting(connection, wanted, until)
            for start in range(0, len(locked), CLAIM_ROWS):
                # What a node claimed that came after the statement began which found the row is not free.
                chunk = locked[start : start + CLAIM_ROWS]
                free = set(connection.execute(STILL_FREE, {"ids": chunk}).scalars())
                ids = [one for one in chunk if one in free]
                fitting = {row_id: row for row, row_id in self._fitting(connection, ids, fit)}
                if fitting:
                    connection.execute(TAKE, {"ids": list(fitting), "mine": self._epoch})
                    rows.extend((*row, row_id) for row_id, row in fitting.items())
                if fit.is_over:
                    break
        return rows

    def _commit(self, connection: Connection, statements: list[Statement], puts: dict[str, Row]) -> dict[str, str]:
        raw: Any = connection.connection.dbapi_connection
        keyed = {handle: row for handle, row in puts.items() if row[2]}
        with self._transaction(connection):
            self._fence(connection)
            with contextlib.closing(raw.cursor()) as cursor:
                for statement in statements:
                    self._execute(raw, cursor, *statement)
            return self._join(raw, keyed) if keyed else {}

    def _found(self, raw: Any, keyed: dict[str, Row]) -> Iterator[tuple[str, str]]:
        rows = list(keyed.values())
        for start in range(0, len(rows), CLAIM_ROWS):
            chunk = rows[start : start + CLAIM_ROWS]
            with contextlib.closing(raw.cursor()) as cursor:
                cursor.execute(_BY_HANDLE.format(", ".join(["%s"] * len(chunk))), [row[0] for row in chunk])
                yield from ((handle, handle) for (handle,) in cursor.fetchall())
                cursor.execute(
                    _BY_KEY.format(", ".join([_SLOT] * len(chunk))), [name for row in chunk for name in row[1:3]]
                )
                unfinished = {(function, key): handle for handle, function, key in cursor.fetchall()}
            yield from ((row[0], unfinished[row[1:3]]) for row in chunk if row[1:3] in unfinished)
