"""Checks of MySQL and MariaDB alone: the SQL functions, the right to call them, the clock, the owner of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from gearbridge.stores.database.errors import reason
from gearbridge.stores.mysql.owner_lock import HOLDER

from .alike import ABOUT, clock_finding, held_findings
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

_INSTALL = "gearbridge db script --mysql | mysql DATABASE"
_INSTALLED = """
    SELECT count(*) FROM information_schema.routines
    WHERE routine_schema = DATABASE() AND routine_name = 'gman_enqueue'
"""

_LONG_HOLDERS = """
    SELECT trx_mysql_thread_id, trx_started FROM information_schema.innodb_trx
    WHERE trx_rows_locked > 0 AND trx_started < NOW() - INTERVAL 10 SECOND ORDER BY trx_started LIMIT 3
"""


def installed(connection: Connection) -> Iterator[Finding]:
    """Check that SQL has the functions. Without them programs enqueue all the same, with gearbridge.enqueue."""
    if _value(connection, _INSTALLED):
        yield Finding(ABOUT, True, "gman_enqueue and the others are installed")
    else:
        yield Finding(ABOUT, True, f"gman_enqueue is not installed, for SQL to enqueue jobs: {_INSTALL}")


def rights(connection: Connection, functions: Sequence[str]) -> Iterator[Finding]:
    """Check that the user may submit jobs of these functions."""
    user = _value(connection, "SELECT CURRENT_USER()")
    for name in functions:
        refusal = _refusal(connection, name)
        remedy = f"GRANT EXECUTE ON FUNCTION gman_enqueue TO this user, or {_INSTALL}: {refusal}"
        yield Finding(ABOUT, refusal is None, f"{user} may submit jobs of {name}", remedy)


def clock(connection: Connection) -> Iterator[Finding]:
    """Check that the clocks agree."""
    yield clock_finding(lambda: float(_value(connection, "SELECT UNIX_TIMESTAMP(NOW(6))")))


def is_taken(connection: Connection) -> bool:
    """Return whether a server or bridge has the job table."""
    found = connection.exec_driver_sql(HOLDER).first()
    return found is not None and found[2] is not None and found[1] == found[2]


def held(connection: Connection) -> Iterator[Finding]:
    """Check for transactions that hold jobs for long, where the user may see that: it takes the right PROCESS."""
    try:
        found = connection.exec_driver_sql(_LONG_HOLDERS).all()
    except DBAPIError:
        return
    yield from held_findings([f"connection {number} since {began}" for number, began in found])


def _refusal(connection: Connection, function: str) -> str | None:
    """Tried for real, and rolled back: who may only submit may not ask about rights."""
    connection.exec_driver_sql("START TRANSACTION")
    try:
        question = "SELECT gman_enqueue(%s, '', NULL, NULL, NULL, NULL, NULL)"
        connection.exec_driver_sql(question, (function,)).all()
    except DBAPIError as error:
        return reason(error)
    finally:
        connection.exec_driver_sql("ROLLBACK")
    return None


def _value(connection: Connection, query: str) -> Any:
    return connection.exec_driver_sql(query).scalar()
