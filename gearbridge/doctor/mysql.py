"""What only MySQL and MariaDB are asked: the SQL functions, who may call them, the clock, who has the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from gearbridge.stores.broken import reason
from gearbridge.stores.mysql import LOCK_NAME

from .alike import ABOUT, clock_finding
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

_INSTALL = "gearbridge db install --database URL"
_INSTALLED = """
    SELECT count(*) FROM information_schema.routines
    WHERE routine_schema = DATABASE() AND routine_name = 'gman_enqueue'
"""


def installed(connection: Connection) -> Iterator[Finding]:
    """Whether SQL has the functions. Without them programs enqueue all the same, with gearbridge.enqueue."""
    if _value(connection, _INSTALLED):
        yield Finding(ABOUT, True, "gman_enqueue and the others are installed")
    else:
        yield Finding(ABOUT, True, f"gman_enqueue is not installed, for SQL to enqueue jobs: {_INSTALL}")


def rights(connection: Connection, functions: Sequence[str]) -> Iterator[Finding]:
    """Whether the user may submit jobs of these functions."""
    user = _value(connection, "SELECT CURRENT_USER()")
    for name in functions:
        refusal = _refusal(connection, name)
        remedy = f"GRANT EXECUTE ON FUNCTION gman_enqueue TO this user, or {_INSTALL}: {refusal}"
        yield Finding(ABOUT, refusal is None, f"{user} may submit jobs of {name}", remedy)


def clock(connection: Connection) -> Iterator[Finding]:
    """Whether the clocks agree."""
    yield clock_finding(lambda: float(_value(connection, "SELECT UNIX_TIMESTAMP(NOW(6))")))


def is_taken(connection: Connection) -> bool:
    """Whether a server or bridge has the job table."""
    return _value(connection, f"SELECT IS_USED_LOCK({LOCK_NAME})") is not None


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
