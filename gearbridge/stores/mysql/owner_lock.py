"""The owner's lock of a job table in MySQL and MariaDB: a GET_LOCK that other users cannot name.

It ends with its session, however that ends. Any user may take any such lock whose name it knows, so the name is drawn
at random each time the lock is taken, and kept in a row that only a server's user can read, with the number of the
session. A session that has another number does not have the table, whatever it locks. Takers lock the row; in a cluster
those of two hosts change it at once, and one of them cannot commit.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from gearbridge.errors import StoreInUse, StoreUnavailable

from ..jobtable.schema import job, version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_log = logging.getLogger(__name__)

#: The lock's name, by its key. A copy of the database on the same host has the same key, and its own name.
_NAME = "CONCAT('gearbridge.', LEFT(SHA2(CONCAT(DATABASE(), ':', {}), 256), 48))"
#: Asks for the key and the session that took the lock last, and for the session that has it now.
HOLDER = f"SELECT lock_key, lock_session, IS_USED_LOCK({_NAME.format('lock_key')}) FROM {version.name}"
_ROW = text(f"{HOLDER} FOR UPDATE")
_DRAW = version.update().values(lock_key=bindparam("to_key"), lock_session=func.connection_id())
_GET = text(f"SELECT GET_LOCK({_NAME.format(':key')}, 0)")
_RELEASE = text(f"SELECT RELEASE_LOCK({_NAME.format(':key')})")
_IS_USED = text(f"SELECT IS_USED_LOCK({_NAME.format(':key')})")
#: Of version 2 of the tables: whether a session of our own user has it. Others may have taken it too.
_FORMER = f"LEFT(CONCAT(DATABASE(), '.{job.name}'), 64)"
_FORMER_HOLDER = text(
    f"SELECT id FROM information_schema.processlist WHERE id = IS_USED_LOCK({_FORMER}) "
    "AND user = SUBSTRING_INDEX(USER(), '@', 1)"
)
_GET_FORMER = text(f"SELECT GET_LOCK({_FORMER}, 0)")
_RELEASE_FORMER = text(f"SELECT RELEASE_LOCK({_FORMER})")
_USER = select(text("user"), text("host")).select_from(text("information_schema.processlist")).where(text("id = :id"))
#: Seconds for a former session of ours to end.
_END_WITHIN = 5.0
_PAUSE = 0.05


class OwnerLock:
    """The lock of one store. While the row has a key that it has drawn, no other store was the owner."""

    def __init__(self) -> None:
        self._mine: set[int] = set()
        self._key = 0

    def take(self, connection: Connection, elsewhere: Iterable[int], *, again: bool) -> str | None:
        """Take the lock, in a transaction of its own; return None, or its holder.

        `elsewhere` are the sessions that have it on other hosts of a cluster. `again`: the store had it over a session
        that has ended. Raises StoreInUse where another one took it after us, StoreUnavailable where our
        own former session stays.
        """
        with self._transaction(connection):
            key, session, holder = connection.execute(_ROW).one()
            if again and key not in self._mine:
                raise StoreInUse("another gearbridge server or bridge has taken the job table since our session ended")
            if holder is not None and holder != session:
                _log.warning(
                    "%s holds the job table's lock and does not own the table: ignored", _described(connection, holder)
                )
            elif holder is not None and again:
                _end(connection, holder, key)
            elif holder is not None:
                return _described(connection, holder)
            if not again:
                if (other := next(iter(elsewhere), None)) is not None:
                    return f"connection {other} to another host of the cluster"
                former = connection.execute(_FORMER_HOLDER).scalar()
                if former is not None and former != connection.execute(select(func.connection_id())).scalar():
                    return _described(connection, former)
            self._draw(connection)
        return None

    def release(self, connection: Connection) -> None:
        """Let go of it."""
        connection.execute(_RELEASE, {"key": self._key})
        connection.execute(_RELEASE_FORMER)

    def _draw(self, connection: Connection) -> None:
        key = secrets.randbelow(2**62) + 1
        self._key = key
        if connection.execute(_GET, {"key": key}).scalar() != 1:
            raise StoreUnavailable("the database does not grant a lock that no session holds")
        connection.execute(_GET_FORMER)  # a server of an earlier version must not come back beside us
        self._mine.add(key)  # before the commit, whose answer may be lost
        connection.execute(_DRAW, {"to_key": key})

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Any:
        connection.execute(text("START TRANSACTION"))
        try:
            yield
            connection.execute(text("COMMIT"))
        except BaseException:
            with contextlib.suppress(SQLAlchemyError):  # the first error is the one to report
                connection.execute(text("ROLLBACK"))
            raise


def _described(connection: Connection, session: int) -> str:
    """A session, with its user where this user may see that."""
    seen = connection.execute(_USER, {"id": session}).first()
    return f"connection {session}" + ("" if seen is None else f" of user {seen[0]} from {seen[1]}")


def _end(connection: Connection, session: int, key: int) -> None:
    """End a former session of ours that is there still, behind a broken connection."""
    with contextlib.suppress(SQLAlchemyError):  # it has ended already
        connection.execute(text(f"KILL {int(session)}"))
    deadline = time.monotonic() + _END_WITHIN
    while connection.execute(_IS_USED, {"key": key}).scalar() == session:
        if time.monotonic() >= deadline:
            raise StoreUnavailable(f"the database does not end our former session, connection {session}")
        time.sleep(_PAUSE)
