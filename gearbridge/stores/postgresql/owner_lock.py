"""The owner's lock of a job table in PostgreSQL: an advisory lock that other roles cannot name.

It ends with its session, however that ends. Any role may take any advisory lock whose number it knows, so:

1. The key is drawn at random each time the lock is taken, and kept in a row that only a server's role can read. Where
   pg_locks shows it to every role, it is taken already; no role can wait in a queue for the next one.
2. A session that holds the lock has the table only if its role may write the table. Any other is passed over.
3. A taker holds a lock of the row's table meanwhile, which needs a right to write it. So of two at once one sees what
   the other has done.
4. Since each taker draws another key, an owner whose session ended knows by the row whether it is the owner still.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, text

from gearbridge.errors import StoreInUse, StoreUnavailable

from ..jobtable.schema import job, version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_log = logging.getLogger(__name__)

#: First half of the lock's number; the second is the key, or the table's oid, as it was in version 2 of the tables.
LOCK_CLASS = 0x67656172
#: Of a role's oid, whether it may write the job table, itself or after SET ROLE.
_MAY_WRITE = (
    "EXISTS (SELECT FROM pg_catalog.pg_roles AS writer WHERE pg_catalog.pg_has_role({role}, writer.oid, 'MEMBER') "
    "AND pg_catalog.has_table_privilege(writer.oid, {table}, 'DELETE'))"
)
#: The description of a session.
_DESCRIBED = (
    "pg_catalog.concat_ws(', ', 'session ' || activity.pid, 'role ' || activity.usename, "
    "nullif(activity.application_name, ''), 'from ' || host(activity.client_addr), activity.state, "
    "'since ' || pg_catalog.to_char(activity.xact_start, 'YYYY-MM-DD HH24:MI:SS'))"
)


def holders(table: str) -> str:
    """Return the query for holders of our locks in this database: session, second half, whether it counts, description.

    `table` is SQL for the job table's oid.
    """
    return (
        "SELECT lock.pid, lock.objid::bigint, "
        f"{_MAY_WRITE.format(role='activity.usesysid', table=table)}, {_DESCRIBED} "
        "FROM pg_catalog.pg_locks AS lock JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = lock.pid "
        f"WHERE lock.locktype = 'advisory' AND lock.classid = {LOCK_CLASS} AND lock.objsubid = 2 AND lock.granted "
        "AND lock.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    )


_TABLE = f"CAST('{job.name}' AS regclass)"
_HOLDERS = text(
    f"{holders(_TABLE)} AND lock.objid IN (CAST(:key AS oid), {_TABLE}) AND lock.pid <> pg_catalog.pg_backend_pid()"
)
_COUNTS = text(
    f"SELECT {_MAY_WRITE.format(role='usesysid', table=_TABLE)}, usename "
    "FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
)
_ALONE = text(f"LOCK TABLE {version.name} IN SHARE UPDATE EXCLUSIVE MODE")
_KEY = select(version.c.lock_key)
_DRAW = version.update().values(lock_key=bindparam("to_key"), lock_session=func.pg_backend_pid())
_TRY = text(f"SELECT pg_catalog.pg_try_advisory_lock({LOCK_CLASS}, CAST(:key AS int))")
#: The lock of version 2, whose owner must not come back beside us; that others may hold it does no harm.
_TRY_FORMER = text(f"SELECT pg_catalog.pg_try_advisory_lock({LOCK_CLASS}, CAST(CAST({_TABLE} AS oid) AS int))")
_UNLOCK = text("SELECT pg_catalog.pg_advisory_unlock_all()")
#: Seconds for a former session of ours to end.
_END_WITHIN = 5.0
_PAUSE = 0.05

#: Who holds a lock of the tables that another transaction waits for: the oldest transactions first.
_ON_TABLES = (
    f"SELECT DISTINCT {_DESCRIBED}, activity.xact_start FROM pg_catalog.pg_locks AS lock "
    "JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = lock.pid "
    "JOIN pg_catalog.pg_class AS relation ON relation.oid = lock.relation "
    "WHERE lock.granted AND relation.relkind = 'r' AND {} "
    "AND lock.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) "
    "AND lock.pid <> pg_catalog.pg_backend_pid() ORDER BY activity.xact_start LIMIT 3"
)
TABLE_HOLDERS = text(_ON_TABLES.format("relation.relname LIKE 'gearbridge\\_%'"))
_ON_JOBS = f"relation.relname = '{job.name}' AND lock.mode <> 'AccessShareLock'"
#: The same of rows of the job table.
JOB_HOLDERS = text(_ON_TABLES.format(_ON_JOBS))
#: Those that have held them for longer than a transaction of a program should.
LONG_HOLDERS = _ON_TABLES.format(f"{_ON_JOBS} AND activity.xact_start < pg_catalog.now() - interval '10 s'")


class OwnerLock:
    """The lock of one store. While the row has a key that it has drawn, no other store was the owner."""

    def __init__(self) -> None:
        self._mine: set[int] = set()

    def take(self, connection: Connection, *, again: bool) -> str | None:
        """Take the lock in a transaction of the caller's, which has to be committed; return None, or its holder.

        `again`: the store had it over a session that has ended. Raises StoreInUse where another one took it after us,
        StoreUnavailable where our own former session stays.
        """
        may_write, role = connection.execute(_COUNTS).one()
        if not may_write:
            raise StoreUnavailable(f"the role {role} may not write the job table")
        connection.execute(_ALONE)
        key: int = connection.execute(_KEY).scalar_one()
        if again and key not in self._mine:
            raise StoreInUse("another gearbridge server or bridge has taken the job table since our session ended")
        found = connection.execute(_HOLDERS, {"key": key}).all()
        for _, _, counts, described in found:
            if not counts:
                _log.warning("%s holds the lock of the job table but may not write the table: ignored", described)
        owners = [holder for holder in found if holder[2]]
        if owners and again:
            _end(connection, key, owners)
        elif owners:
            return str(owners[0][3])
        self._draw(connection)
        return None

    def release(self, connection: Connection) -> None:
        """Let go of it; a store's session holds no other."""
        connection.execute(_UNLOCK)

    def _draw(self, connection: Connection) -> None:
        while True:
            key = secrets.randbelow(2**31 - 1) + 1
            if connection.execute(_TRY, {"key": key}).scalar():
                break
        connection.execute(_TRY_FORMER)
        self._mine.add(key)  # before the commit, whose answer may be lost
        connection.execute(_DRAW, {"to_key": key})


def _end(connection: Connection, key: int, owners: Sequence[Sequence[Any]]) -> None:
    """End a former session of ours that is there still, behind a broken connection."""
    deadline = time.monotonic() + _END_WITHIN
    while owners:
        for number, *_ in owners:
            connection.execute(text("SELECT pg_catalog.pg_terminate_backend(:number)"), {"number": number})
        if time.monotonic() >= deadline:
            raise StoreUnavailable(f"the database does not end our former session: {owners[0][3]}")
        time.sleep(_PAUSE)
        owners = [holder for holder in connection.execute(_HOLDERS, {"key": key}).all() if holder[2]]
