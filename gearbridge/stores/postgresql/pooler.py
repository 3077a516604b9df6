"""Detection of a pooler between us and PostgreSQL that gives each transaction another session.

There the owner's lock, and all settings of a session, belong to the next client of that session. So this is detected
before any statement is sent, and then none is.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from gearbridge.errors import StoreUnavailable

from ..database.libpq import answer

if TYPE_CHECKING:
    from collections.abc import Callable

#: What is asked of a session: the process that serves it.
_BACKEND = "SELECT pg_catalog.pg_backend_pid()"
#: Other transactions that are begun to see whether they get our session.
_TRIES = 5

POOLED = (
    "a pooler that gives each transaction another session (PgBouncer with pool_mode = transaction) stands between "
    "gearbridge and PostgreSQL: a server, node or bridge needs a session of its own; connect it to PostgreSQL itself, "
    "or to a pool with pool_mode = session. Applications may enqueue through that pooler"
)


def backend_of(connection: Any, connect: Callable[[], Any], within: float) -> int:
    """Return the process behind a new connection of psycopg's, which is in autocommit. `connect` makes another one.

    Raises StoreUnavailable where the connection has no session of its own, or does not answer for so many seconds.
    """
    first = _backend(connection, within)
    if first == connection.info.backend_pid:
        return first
    # A pooler answered, which has numbers of its own. It may keep one session for each client, as long as that stays.
    for _ in range(_TRIES):
        with contextlib.closing(connect()) as other:
            try:
                _begin(other, within)
                second = _backend(other, within)
                if second == first or _backend(connection, within) != first:
                    raise StoreUnavailable(POOLED)
            finally:
                with contextlib.suppress(StoreUnavailable):
                    answer(other.pgconn, "ROLLBACK", within)
    return first


def _begin(connection: Any, within: float) -> None:
    try:
        answer(connection.pgconn, "BEGIN", within)
    except StoreUnavailable as error:  # a pool of single statements takes none
        raise StoreUnavailable(f"{POOLED} ({error})") from error


def _backend(connection: Any, within: float) -> int:
    return int(answer(connection.pgconn, _BACKEND, within) or b"0")
