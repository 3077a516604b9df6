"""The job table in MySQL 8 or MariaDB 10.6 and later, for several servers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import text

from gearbridge.errors import ConfigurationError, StoreInUse

from .cluster import is_galera
from .heartbeat import Manners
from .joining import TAKEN
from .mysql import IS_OF_FUNCTION, MySQLStore
from .nodes import COUNT, FREE, STILL_FREE, TAKE
from .schema import MYSQL_UNIQUE_SLOT, WAITING, job
from .shared import SharedTableStore
from .statements import CLAIM_ROWS, Waiting, waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from gearbridge.records import Put

    from .bulk import Statement
    from .rows import Row

#: The first releases that know SKIP LOCKED.
_MARIADB, _MYSQL = (10, 6), (8, 0, 1)
#: Without gap locks, which would keep others from inserting; each statement sees what is committed when it begins.
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
#: Seconds for another node to make the tables.
_MAKING = 5

_BY_HANDLE = f"SELECT handle FROM {job.name} WHERE handle IN ({{}})"
_BY_KEY = f"SELECT handle, `function`, unique_key FROM {job.name} WHERE unique_slot IN ({{}})"
_SLOT = MYSQL_UNIQUE_SLOT.format("%s", "%s")


class SharedMySQLStore(SharedTableStore, MySQLStore):
    """`mysql://...` or `mariadb://...` and a node's name."""

    waiting: ClassVar[Waiting] = Waiting(
        *(one.where(FREE).with_for_update(skip_locked=True) for one in waiting(IS_OF_FUNCTION))
    )
    manners: ClassVar[Manners] = Manners((_ISOLATION, "SET SESSION innodb_lock_wait_timeout = 1"))

    _in_galera = False

    def _place(self, connection: Connection) -> None:
        dialect: Any = connection.dialect
        if dialect.server_version_info < (_MARIADB if dialect.is_mariadb else _MYSQL):
            found = ".".join(map(str, dialect.server_version_info))
            raise ConfigurationError(f"--node needs MySQL 8 or MariaDB 10.6, or later; this is {found}")
        # Nodes begin together, and one makes the tables.
        if not self._lock(connection, _MAKING):
            raise StoreInUse(TAKEN)
        super()._place(connection)

    def _take(self, connection: Connection) -> None:
        super()._take(connection)
        if not self._opened:
            self._unlock(connection)

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

    def _claimed(self, connection: Connection, wanted: list[tuple[str, int]], until: int) -> Iterable[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        with self._transaction(connection):
            self._fence(connection)
            locked = self._waiting(connection, wanted, until)
            for start in range(0, len(locked), CLAIM_ROWS):
                # What a node claimed that came after the statement began which found the row is not free.
                ids = connection.execute(STILL_FREE, {"ids": locked[start : start + CLAIM_ROWS]}).scalars().all()
                if ids:
                    connection.execute(TAKE, {"ids": ids, "mine": self._epoch})
                    rows.extend(self._rows(connection, list(ids)))
        return rows

    def _commit(self, connection: Connection, statements: list[Statement], keyed: dict[str, Row]) -> dict[str, str]:
        raw: Any = connection.connection.dbapi_connection
        with self._transaction(connection):
            self._fence(connection)
            with contextlib.closing(raw.cursor()) as cursor:
                for statement in statements:
                    cursor.execute(*statement)
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
