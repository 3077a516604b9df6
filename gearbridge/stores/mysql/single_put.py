"""One statement, sent to MySQL by one call, its answer read by another: what PyMySQL does in one, in its own two steps.

It has no public way to do so. These two steps have been there, under these names, since its first releases.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

from pymysql import IntegrityError
from pymysql.constants import COMMAND

from .large_values import has_large, with_values

if TYPE_CHECKING:
    from ..jobtable.rows import Row

#: Bytes of the longest answer, an error, which has less than a kilobyte of text.
_LONGEST = 4096


def send(raw: Any, statement: str, row: Row) -> int:
    """Send the statement with these values, and return the socket that becomes readable with the answer."""
    if has_large(row):
        raw._execute_command(COMMAND.COM_QUERY, with_values(raw, statement, row))
    else:
        with raw.cursor() as cursor:
            raw._execute_command(COMMAND.COM_QUERY, cursor.mogrify(statement, row))
    descriptor: int = raw._sock.fileno()
    return descriptor


def is_done(raw: Any, *, wait: bool) -> bool | None:
    """Read the answer: whether the row was written. None: it has not come, and is not waited for.

    False where such a row is there already; raises PyMySQL's other errors.
    """
    if not wait and not _has_answer(raw):
        return None
    try:
        raw._read_query_result()
    except IntegrityError:
        return False
    return True


def _is_whole(sock: socket.socket) -> bool:
    """Look whether an answer, which is one packet, has come whole: a line may stall in the middle of it.

    Its length is in the first three of the four bytes before it.
    """
    try:
        begun = sock.recv(_LONGEST, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True  # reading it raises the driver's error
    return not begun or len(begun) >= min(_LONGEST, 4 + int.from_bytes(begun[:3], "little"))


def _has_answer(raw: Any) -> bool:
    """Return whether the readable socket has more than what TLS itself sent, as a session ticket."""
    sock = raw._sock
    if not isinstance(sock, ssl.SSLSocket):
        return _is_whole(sock)
    patience = sock.gettimeout()
    sock.settimeout(0)
    try:
        raw._rfile.peek(1)
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True  # reading it raises the driver's error
    finally:
        sock.settimeout(patience)
    return True
