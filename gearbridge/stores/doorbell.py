"""Doorbells: PostgreSQL's NOTIFY, which is asked for only while nobody looks, and none at all, which is polling.

The protocol, with gearbridge._enqueue() and _ring() in sql/gearbridge: before the claimer sleeps it takes an advisory
lock and looks once more. A transaction that enqueues asks for the same lock, shared, until its end. If it gets it the
claimer is awake, and cannot fall asleep before the commit is to be seen; if not, it sends NOTIFY.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING, Any

from gearbridge.errors import StoreUnavailable

from .schema import WAKE_LOCK, job

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCK = f"({WAKE_LOCK}, '{job.name}'::regclass::oid::integer)"
#: Rings for a transaction that is about to commit, as gearbridge._enqueue() does.
RING = f"SELECT pg_notify('gearbridge', '') WHERE NOT pg_try_advisory_xact_lock_shared{_LOCK}"
#: Ends a backend of ours, and waits until what it held is free.
END_BACKEND = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid = {} AND application_name = current_setting('application_name')"
)
#: Seconds within which the database answers what is asked here; then the connection counts as broken.
_ANSWER_WITHIN = 1.5
#: What is listened to.
_CHANNEL = "gearbridge"


def answer(connection: Any, query: str, within: float = _ANSWER_WITHIN) -> bytes | None:
    """The first value that a small query brings, None where it brings none; libpq would wait for it for ever.

    `connection` is libpq's. Raises StoreUnavailable where the database does not answer within so many seconds.
    """
    deadline = time.monotonic() + within
    connection.send_query(query.encode())
    connection.flush()
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


class Polling:
    """For databases that cannot ring."""

    first_pause = 0.005

    def __init__(self, longest_pause: float) -> None:
        self.longest_pause = longest_pause

    def arm(self) -> bool:
        """Never here."""
        return False

    def disarm(self) -> None:
        """Nothing was armed."""

    def wait(self, seconds: float) -> bool:
        """Never called, since it is never armed."""
        return False

    def interrupt(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing to close."""


class PostgreSQLDoorbell:
    """LISTEN on a connection of its own; `connect` makes one, a psycopg connection in autocommit."""

    first_pause = 0.002
    longest_pause = 0.05

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._armed = False
        self._former: tuple[object, ...] = ()  # the host, its port and the backend of the last connection
        self._ended, self._end = os.pipe()

    def arm(self) -> bool:
        """Take the lock, unless somebody holds it shared until his commit is to be seen."""
        if not self._armed:
            self._armed = self._ask(f"SELECT pg_try_advisory_lock{_LOCK}")
        return self._armed

    def disarm(self) -> None:
        """Let go of the lock."""
        if self._armed:
            self._armed = False
            self._ask(f"SELECT pg_advisory_unlock{_LOCK}")

    def wait(self, seconds: float) -> bool:
        """Wait for NOTIFY. A quiet connection is probed, since one that is half open says nothing for ever."""
        connection = self._connection
        if connection is None:
            return False
        try:
            # Not select(), which takes no descriptor above 1,023; a server with many connections has none below.
            waiting = select.poll()
            waiting.register(connection.fileno(), select.POLLIN)
            waiting.register(self._ended, select.POLLIN)
            ready = [descriptor for descriptor, _ in waiting.poll(seconds * 1000)]
            if self._ended in ready:
                os.read(self._ended, 1)
            if not ready:
                answer(self._connection.pgconn, "SELECT 1")
            # Not psycopg's notifies(), which waits. A note that came with the probe is lost: the next look is now.
            connection.pgconn.consume_input()
            rung = False
            while connection.pgconn.notifies() is not None:  # all of them, so that none rings twice
                rung = True
            return rung
        except Exception as error:
            raise self._lost(error) from error

    def interrupt(self) -> None:
        """One byte into a pipe that `wait` looks at too."""
        os.write(self._end, b"!")

    def close(self) -> None:
        """Disconnect, which lets go of the lock too."""
        self._disconnect()
        os.close(self._ended)
        os.close(self._end)

    def _ask(self, query: str) -> bool:
        try:
            if self._connection is None:
                self._connection = self._connect()
                info = self._connection.info
                if self._former[:2] == (info.host, info.port):
                    # It may be there still, behind a broken connection, and hold the lock.
                    answer(self._connection.pgconn, END_BACKEND.format(self._former[2]))
                self._former = (info.host, info.port, info.backend_pid)
                answer(self._connection.pgconn, f"LISTEN {_CHANNEL}")
            return answer(self._connection.pgconn, query) == b"t"
        except Exception as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> StoreUnavailable:
        self._disconnect()
        return StoreUnavailable(str(error).strip() or type(error).__name__)

    def _disconnect(self) -> None:
        self._armed = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(Exception):  # it may be broken already
                connection.close()
