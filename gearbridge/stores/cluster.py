"""MySQL and MariaDB in a cluster, Galera say: what errors mean there, and being as far as the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from .schema import version

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: A deadlock; in Galera also that another node wrote the same rows, which only the commit tells.
_DEADLOCK = 1213
#: Why the database, and not what it was asked, is what is wrong: a node outside of its cluster, a shutdown, a commit or
#: a statement that it ended, read-only in three ways, a member that was expelled, a deadlock that came again and again.
_UNAVAILABLE = {1047, 1053, 1180, 1317, 1290, 1792, 1836, 3101, _DEADLOCK}

_IS_GALERA = text("SHOW GLOBAL VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'")


def is_unavailable(error: Exception) -> bool:
    """Whether an error of the driver's says that the database cannot be written to now."""
    return _number(error) in _UNAVAILABLE


def is_galera(connection: Connection) -> bool:
    """Whether this is a node of a Galera cluster."""
    return connection.execute(_IS_GALERA).first() is not None


def catch_up(connection: Connection) -> None:
    """Return when this node has applied all that was committed on the others, our own commits of before among it.

    It ends a transaction that is open: within one Galera waits for nothing.
    """
    if is_galera(connection):
        connection.execute(text("COMMIT"))
        connection.execute(text("SET SESSION wsrep_sync_wait = 1"))
        connection.execute(text(f"SELECT version FROM {version.name}")).all()
        connection.execute(text("SET SESSION wsrep_sync_wait = DEFAULT"))


def _number(error: Exception) -> object:
    return error.args[0] if error.args else None
