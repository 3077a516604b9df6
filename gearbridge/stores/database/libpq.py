"""Small queries over libpq that never wait for ever."""

from __future__ import annotations

import select
import time
from typing import Any

from gearbridge.errors import StoreUnavailable

#: Seconds within which the database answers what is asked here, in a few bytes; then the connection counts as broken.
ANSWER_WITHIN = 5.0


def answer(connection: Any, query: str, within: float = ANSWER_WITHIN) -> bytes | None:
    """Return the first value of a small query, None where it has none; libpq itself would wait for it for ever.

    `connection` is libpq's. Raises StoreUnavailable where the database does not answer within so many seconds.
    """
    connection.send_query(query.encode())
    connection.flush()
    return answered(connection, within)


def answered(connection: Any, within: float) -> bytes | None:
    """Return the first value of a query that was sent, as `answer` does."""
    deadline = time.monotonic() + within
    waiting = select.poll()
    waiting.register(connection.socket, select.POLLIN)
    value: bytes | None = None
    while True:
        while not connection.is_busy():
            result = connection.get_result()
            if result is None:
                return value
            if result.error_message:
                raise StoreUnavailable(result.error_message.decode("utf-8", "replace").strip())
            value = result.get_value(0, 0) if result.ntuples else None
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise StoreUnavailable("the database does not answer")
        connection.consume_input()
