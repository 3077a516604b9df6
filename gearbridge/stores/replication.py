"""PostgreSQL with standbys: when a commit that returned is one to build on, and which errors a failover brings.

A commit that waits for a synchronous standby has been done on the primary already. Where that wait is cut short, by the
end of the session or a cancel, the commit is there to be read, and may be lost with the primary. To write the same
again would find it done, and not wait. So a session begins with a commit of its own, which returns when the standbys
have all that was before it; and a wait that was cancelled ends the session.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gearbridge.errors import StoreUnavailable

from .hosts import hosts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

_log = logging.getLogger(__name__)

#: Why the database, and not what it was asked, is what is wrong: a standby, or one that was made read-only; starting,
#: stopping or crashed; cut off from it, as poolers say.
_UNAVAILABLE = ("25006", "57P01", "57P02", "57P03", "57P05", "08")

#: The function of PostgreSQL's that warns of a wait cut short. The warning itself is in the language of the server.
_WAIT = "SyncRepWaitForLSN"

_BARRIER = text("SELECT pg_logical_emit_message(true, 'gearbridge', '')")


def is_unavailable(error: Exception) -> bool:
    """Whether what psycopg raised says that the database cannot be written to now."""
    return (getattr(error, "sqlstate", None) or "").startswith(_UNAVAILABLE)


class Unconfirmed:
    """Notices commits whose wait for a standby was cancelled, on one connection at a time."""

    def __init__(self) -> None:
        self.happened = False  # since the last call of `taken`

    def listen(self, connection: Any) -> None:
        """Hear what PostgreSQL warns of on this connection of psycopg's; what was before is forgotten."""
        self.happened = False
        connection.add_notice_handler(self._noticed)

    def taken(self) -> bool:
        """Whether there was one; from now on there is none."""
        happened, self.happened = self.happened, False
        return happened

    def _noticed(self, diagnostic: Any) -> None:
        if diagnostic.source_function == _WAIT:
            self.happened = True


def demand_writable(connection: Connection) -> None:
    """Raise StoreUnavailable where nothing can be written."""
    if connection.execute(text("SHOW transaction_read_only")).scalar() == "on":
        raise StoreUnavailable(
            "this PostgreSQL takes no writes: it is a standby, or default_transaction_read_only is on"
        )


def wait_for_standbys(connection: Connection) -> None:
    """Return when the synchronous standbys, if there are any, have all that was committed before."""
    connection.execute(_BARRIER)


def warn_of_lost_commits(connection: Connection, url: URL) -> None:
    """Say so in the log where a failover could lose what was acknowledged."""
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
