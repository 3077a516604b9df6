"""PostgreSQL with standbys: when a commit that returned is one to build on, and which errors a failover brings.

A commit that waits for a synchronous standby has been done on the primary already. Where that wait is cut short, by the
end of the session or a cancel, the commit is there to be read, and may be lost with the primary. To write the same
again would find it done, and not wait. So a session begins with a commit of its own, which returns when the standbys
have all that was before it; and a wait that was cancelled ends the session.

A primary that knows of no synchronous standby waits for none. Where that must not be, each commit is looked at behind
it: the session sees the setting as it is by then, for PostgreSQL signals its sessions before it lets go of what waits.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError
from psycopg.errors import PipelineAborted
from sqlalchemy import text

from gearbridge.errors import StoreUnavailable

from ..database.libpq import answer
from ..database.urls import hosts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

_log = logging.getLogger(__name__)

#: Why the database, and not what it was asked, is what is wrong: a standby, or one that was made read-only; starting,
#: stopping or crashed; cut off from it, as poolers report.
_UNAVAILABLE = ("25006", "57P01", "57P02", "57P03", "57P05", "08")

_NO_WRITES = "this PostgreSQL takes no writes: it is a standby, or default_transaction_read_only is on"

#: The function of PostgreSQL's that warns of a wait cut short. The warning itself is in the language of the server.
_WAIT = "SyncRepWaitForLSN"

#: Whether a commit waits for a standby's disk.
_SYNCHRONOUS = (
    "SELECT current_setting('synchronous_standby_names') <> '' "
    "AND current_setting('synchronous_commit') IN ('on', 'remote_apply')"
)

_BARRIER = text("SELECT pg_logical_emit_message(true, 'gearbridge', '')")


def is_unavailable(error: Exception) -> bool:
    """Return whether an error of psycopg's means that the database cannot be written to now, or not on this connection.

    An operational error without an SQLSTATE is libpq's own: the connection is not in a state to be used.
    """
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is None:
        return isinstance(error, OperationalError) and not isinstance(error, PipelineAborted)
    return bool(sqlstate.startswith(_UNAVAILABLE))


class Unconfirmed:
    """Notices commits whose wait for a standby was cancelled, on one connection at a time."""

    def __init__(self) -> None:
        self.happened = False  # since the last call of `taken`

    def listen(self, connection: Any) -> None:
        """Receive PostgreSQL's warnings on this connection of psycopg's; earlier ones are forgotten."""
        self.happened = False
        connection.add_notice_handler(self._noticed)

    def taken(self) -> bool:
        """Return whether there was one, and forget it."""
        happened, self.happened = self.happened, False
        return happened

    def _noticed(self, diagnostic: Any) -> None:
        if diagnostic.source_function == _WAIT:
            self.happened = True


def refuse_standby(raw: Any) -> None:
    """Raise StoreUnavailable where this new connection of psycopg's is to a standby (PostgreSQL 14 and later)."""
    if raw.info.parameter_status("in_hot_standby") == "on":
        raise StoreUnavailable(_NO_WRITES)


def demand_writable(connection: Connection) -> None:
    """Raise StoreUnavailable where nothing can be written."""
    if connection.execute(text("SHOW transaction_read_only")).scalar() == "on":
        raise StoreUnavailable(_NO_WRITES)


def demand_synchronous(raw: Any) -> None:
    """Raise StoreUnavailable where commits on this connection of psycopg's wait for no standby."""
    if answer(raw.pgconn, _SYNCHRONOUS) != b"t":
        raise StoreUnavailable(
            "no standby is synchronous here, and --require-synchronous is given: "
            "synchronous_standby_names is empty, or synchronous_commit is neither on nor remote_apply"
        )


def wait_for_standbys(connection: Connection) -> None:
    """Return when the synchronous standbys, if there are any, have all that was committed before."""
    connection.execute(_BARRIER)


def warn_of_lost_commits(connection: Connection, url: URL) -> None:
    """Log a warning where a failover could lose acknowledged jobs."""
    if len(hosts_of(url)) < 2:
        return
    standbys = connection.execute(text("SHOW synchronous_standby_names")).scalar()
    waits = connection.execute(text("SHOW synchronous_commit")).scalar()
    if not standbys:
        _log.warning(
            "no standby is synchronous here (synchronous_standby_names): a failover can lose acknowledged jobs"
        )
    elif waits in ("local", "remote_write"):
        _log.warning("synchronous_commit is %s here: a failover can lose acknowledged jobs", waits)
