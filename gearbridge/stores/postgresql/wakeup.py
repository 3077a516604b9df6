"""Wake-ups by PostgreSQL's NOTIFY, which is requested only while the claimer sleeps.

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

from ..database.libpq import ANSWER_WITHIN, answer, answered
from ..jobtable.schema import WAKE_LOCK, job

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCK = f"({WAKE_LOCK}, '{job.name}'::regclass::oid::integer)"
#: Rings for a transaction that is about to commit, as gearbridge._enqueue() does.
RING = (
    f"SELECT pg_notify('gearbridge', '') WHERE NOT pg_try_advisory_xact_lock_shared{_LOCK} "
    "AND pg_notification_queue_usage() < 0.5"
)
#: Ends a backend of ours, and waits until what it held is free.
END_BACKEND = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid = {} AND application_name = current_setting('application_name')"
)
#: What is listened to.
_CHANNEL = "gearbridge"


class PostgreSQLWakeup:
    """LISTEN on a connection of its own; `connect` makes one, a psycopg connection in autocommit."""

    first_pause = 0.002
    longest_pause = 0.05

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._armed = False
        self._former: tuple[object, ...] = ()  # the host, its port and the backend of the last connection
        self._probed: float | None = None  # since when an answer is waited for
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
        """Wait for NOTIFY. A quiet connection is probed, since one that is half open is silent for ever.

        The probe's answer is read by a later call, so that the table is looked into meanwhile.
        """
        connection = self._connection
        if connection is None:
            return False
        deadline = time.monotonic() + seconds
        try:
            # Not select(), which takes no descriptor above 1,023; a server with many connections has none below.
            waiting = select.poll()
            waiting.register(connection.fileno(), select.POLLIN)
            waiting.register(self._ended, select.POLLIN)
            while True:
                ready = [one for one, _ in waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)]
                if self._ended in ready:
                    os.read(self._ended, 1)
                if self._rung(connection.pgconn):
                    return True
                if not ready:
                    self._probe(connection.pgconn)
                if not ready or self._ended in ready:
                    return False
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

    def _rung(self, connection: Any) -> bool:
        # Not psycopg's notifies(), which waits.
        connection.consume_input()
        if self._probed is not None:
            while not connection.is_busy():
                if connection.get_result() is None:
                    self._probed = None
                    break
        rung = False
        while connection.notifies() is not None:  # all of them, so that none rings twice
            rung = True
        return rung

    def _probe(self, connection: Any) -> None:
        now = time.monotonic()
        if self._probed is None:
            connection.send_query(b"SELECT 1")
            connection.flush()
            self._probed = now
        elif now - self._probed > ANSWER_WITHIN:
            raise StoreUnavailable("the database does not answer")

    def _ask(self, query: str) -> bool:
        try:
            if self._connection is None:
                self._connection = self._connect()
                info = self._connection.info
                if self._former[:2] == (info.host, info.port):
                    # It may be there still, behind a broken connection, and hold the lock.
                    answer(self._connection.pgconn, END_BACKEND.format(self._former[2]))
                self._former = (info.host, info.port, self._connection.backend)
                answer(self._connection.pgconn, f"LISTEN {_CHANNEL}")
            if self._probed is not None:
                answered(self._connection.pgconn, ANSWER_WITHIN)
                self._probed = None
            return answer(self._connection.pgconn, query) == b"t"
        except Exception as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> StoreUnavailable:
        self._disconnect()
        return StoreUnavailable(str(error).strip() or type(error).__name__)

    def _disconnect(self) -> None:
        self._armed, self._probed = False, None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(Exception):  # it may be broken already
                connection.close()
