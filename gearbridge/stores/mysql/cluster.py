"""MySQL and MariaDB in a cluster, Galera or Group Replication: what errors mean there, being as far as the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from ..jobtable.schema import version

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: A deadlock; in Galera also that another node wrote the same rows, which only the commit reports.
_DEADLOCK = 1213
#: Why the database, and not what it was asked, is what is wrong: a node outside of its cluster, a shutdown, a commit or
#: a statement that it ended, read-only in three ways, a member that was expelled, a deadlock that came again and again.
#: In Group Replication also a commit that the group did not take, and a member that cannot wait for the others.
_UNAVAILABLE = {1047, 1053, 1180, 1317, 1290, 1792, 1836, 3100, 3101, 3796, 3797, _DEADLOCK}

_KIND = text(
    "SHOW GLOBAL VARIABLES WHERE (Variable_name = 'wsrep_on' AND Value = 'ON')"
    " OR (Variable_name = 'group_replication_group_name' AND Value <> '')"
)
#: By which setting a read waits, and the value that it has for that.
_WAIT = {
    "wsrep_on": ("wsrep_sync_wait", "1"),
    "group_replication_group_name": ("group_replication_consistency", "'BEFORE'"),
}
_IS_GALERA = text("SHOW GLOBAL VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'")


def is_unavailable(error: Exception) -> bool:
    """Return whether an error of the driver's means that the database cannot be written to now."""
    return _number(error) in _UNAVAILABLE


def is_galera(connection: Connection) -> bool:
    """Return whether this is a node of a Galera cluster."""
    return connection.execute(_IS_GALERA).first() is not None


def catch_up(connection: Connection) -> None:
    """Return when this node has applied all that was committed on the others, our own commits of before among it.

    It ends a transaction that is open: within one they wait for nothing.
    """
    for kind, _ in connection.execute(_KIND).all():
        variable, wait = _WAIT[kind]
        connection.execute(text("COMMIT"))
        connection.execute(text(f"SET SESSION {variable} = {wait}"))
        connection.execute(text(f"SELECT version FROM {version.name}")).all()
        connection.execute(text(f"SET SESSION {variable} = DEFAULT"))


def _number(error: Exception) -> object:
    return error.args[0] if error.args else None
