"""One statement, sent to MySQL by one call, its answer read by another: what PyMySQL does in one, in its own two steps.

It has no public way to do so. These two steps have been there, under these names, since its first releases.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from pymysql import IntegrityError
from pymysql.constants import COMMAND

if TYPE_CHECKING:
    from .rows import Row


def send(raw: Any, statement: str, row: Row) -> int | None:
    """Send the statement with these values; the socket that tells of the answer. None where it tells of TLS too."""
    if isinstance(raw._sock, ssl.SSLSocket):
        return None
    with raw.cursor() as cursor:
        raw._execute_command(COMMAND.COM_QUERY, cursor.mogrify(statement, row))
    descriptor: int = raw._sock.fileno()
    return descriptor


def is_done(raw: Any) -> bool:
    """Read the answer: whether it was done. False where such a row is there already; raises PyMySQL's other errors."""
    try:
        raw._read_query_result()
    except IntegrityError:
        return False
    return True
