"""The SQL functions `gman_*` on a Python program's SQLite connection. It knows no packet.

These functions submit at once. For jobs that are part of the transaction there are `gearbridge.enqueue(db, ...)` and
triggers, `gearbridge.triggers.create(db, Trigger("images", "insert", "resize"))`, which need none of them.

    db = sqlite3.connect("app.db")
    gearbridge.sqlite.register(db, "127.0.0.1:4730")
    handle = db.execute("SELECT gman_do_background('resize', ?)", [payload]).fetchone()[0]
    db.execute("SELECT gman_status(?) ->> 'percentage'", [handle]).fetchone()

    gman_servers_set(servers)                            1; forgets the servers set before
    gman_servers()                                       the servers, NULL where none are set
    gman_do(function, payload [, unique_key])            the result of a foreground job
    gman_do_background(function, payload [, unique_key]) the job's handle
    gman_status(handle)                                  JSON: known, running, numerator, denominator, percentage
    gman_job(handle)                                     JSON: the job's row in the job table, NULL if there is none
    gman_ping()                                          time to the server and back, in seconds
    gman_last_error()                                    why the last of these functions to fail on this connection did

Rules of this file:
1. A TEXT payload gives a TEXT result and a BLOB payload a BLOB; numbers count as TEXT. As in PostgreSQL an empty TEXT
   result is NULL, and a function or payload that is NULL is an error.
2. Jobs are submitted at once: a ROLLBACK does not take them back.
3. A function waits inside its statement, which keeps its locks meanwhile. A worker that writes to the same database
   file waits for them, so a statement that writes must not wait for that worker: use gman_do_background there.
4. Threads: SQLite runs one statement of a connection at a time, and the functions run in that statement's thread. A
   connection that threads share (check_same_thread=False) thus keeps them waiting; give each thread its own.
5. Close the connection after use, as sqlite3 demands anyway: until then it and its functions keep each other alive.
6. interrupt() and Ctrl-C end a wait within some 20 ms.
7. For what `gearbridge.enqueue` put into this database's own job table (handles that begin with S:) gman_status and
   gman_job read the table, not a server: such a job is running from the first progress that its worker reports.
8. sqlite3 replaces every exception of a function by "user-defined function raised exception". So the reason goes to the
   log "gearbridge.sqlite", is kept for gman_last_error(), and `Functions.errors` gives the exception itself back.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from gearbridge.client.client import Client
from gearbridge.errors import ConfigurationError, GearbridgeError

from .job_status import has_jobs, job_row, status_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    #: What SQLite hands to a function: NULL, INTEGER, REAL, TEXT or BLOB.
    Value = None | int | float | str | bytes

Returned = TypeVar("Returned")

log = logging.getLogger("gearbridge.sqlite")


def register(
    connection: sqlite3.Connection,
    servers: str | Sequence[str] | None = None,
    *,
    timeout: float | None = None,
    connect_timeout: float = 5.0,
    reply_timeout: float | None = 60.0,
) -> Functions:
    """Give a connection the functions above; registering again replaces them.

    Without `servers` the connection must call gman_servers_set first. Times are in seconds: `timeout` limits each
    gman_do, None lets a job take as long as it takes; the others are those of `gearbridge.Client`. Raises
    ConfigurationError for servers that cannot be read.
    """
    functions = Functions(connection, timeout, connect_timeout, reply_timeout)
    if servers is not None:
        functions.set_servers(servers if isinstance(servers, str) else ",".join(servers))
    return functions


class Functions:
    """The functions of one SQLite connection. They end with it, or with `close`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        timeout: float | None,
        connect_timeout: float,
        reply_timeout: float | None,
    ) -> None:
        self.last_error: BaseException | None = None
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._client: Client | None = None
        # A statement inside the waiting one: SQLite answers "interrupted" once interrupt() was called.
        self._connection = connection
        self._look_up = lambda: connection.execute("SELECT 1").close()
        for name, arities, function in (
            ("gman_servers_set", (1,), self.set_servers),
            ("gman_servers", (0,), self._servers),
            ("gman_do", (2, 3), self._do),
            ("gman_do_background", (2, 3), self._do_background),
            ("gman_status", (1,), self._status),
            ("gman_job", (1,), self._job),
            ("gman_ping", (0,), self._ping),
        ):
            for arity in arities:
                connection.create_function(name, arity, self._keeping_errors(name, function))
        connection.create_function("gman_last_error", 0, self._last_error)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what a function raised, in place of the OperationalError that sqlite3 makes of it.

        with functions.errors():
            db.execute("SELECT gman_do('resize', ?)", [payload])   # raises ServersUnreachable, JobFailed...
        """
        self._forget()
        try:
            yield
        except sqlite3.OperationalError as error:
            if self.last_error is not None and "user-defined function" in str(error):
                raise self.last_error from error
            raise

    def close(self) -> None:
        """Close the connections to the job servers; the next call of a function opens new ones."""
        if self._client is not None:
            self._client.close()

    def __del__(self) -> None:
        self.close()

    def set_servers(self, servers: Value) -> int:
        """Use these servers ("host:port,host2:port2") from now on. Raises ConfigurationError."""
        if not isinstance(servers, str):
            raise ConfigurationError("servers must be a text such as '127.0.0.1:4730,host2:4730'")
        client = Client(
            servers, connect_timeout=self._connect_timeout, reply_timeout=self._reply_timeout, on_wait=self._look_up
        )
        self.close()
        self._client = client
        return 1

    def _servers(self) -> str | None:
        return ",".join(self._client.servers) if self._client is not None else None

    def _do(self, function: Value, payload: Value, unique_key: Value = None) -> str | bytes | None:
        name, octets, key = _submission(function, payload, unique_key)
        result = self._connected().do(name, octets, key, timeout=self._timeout)
        if isinstance(payload, bytes):
            return result
        try:
            return result.decode() or None
        except UnicodeDecodeError as error:
            raise ValueError("the result is not UTF-8 text: give the payload as a BLOB to get it as one") from error

    def _do_background(self, function: Value, payload: Value, unique_key: Value = None) -> str:
        return self._connected().do_background(*_submission(function, payload, unique_key))

    def _status(self, handle: Value) -> str | None:
        if handle is None:
            return None
        if str(handle).startswith("S:") and has_jobs(self._connection):
            return json.dumps(status_row(self._connection, str(handle)))
        status = self._connected().status(str(handle))
        return json.dumps(
            {
                "known": status.known,
                "running": status.running,
                "numerator": status.numerator,
                "denominator": status.denominator,
                "percentage": status.percentage,
            }
        )

    def _job(self, handle: Value) -> str | None:
        if not has_jobs(self._connection):
            raise ConfigurationError("this database has no job table: `gearbridge db script --sqlite` makes one")
        row = job_row(self._connection, str(handle))
        return None if row is None else json.dumps(row)

    def _ping(self) -> float:
        return self._connected().ping()

    def _forget(self) -> None:
        self.last_error = None

    def _last_error(self) -> str | None:
        return None if self.last_error is None else describe(self.last_error)

    def _connected(self) -> Client:
        if self._client is None:
            raise ConfigurationError("no job server is set: SELECT gman_servers_set('127.0.0.1:4730')")
        return self._client

    def _keeping_errors(self, name: str, function: Callable[..., Returned]) -> Callable[..., Returned]:
        def call(*args: Value) -> Returned:
            try:
                return function(*args)
            except BaseException as error:
                self.last_error = error
                log.error("%s: %s", name, describe(error))
                raise

        return call


def describe(error: BaseException) -> str:
    """Describe an exception in one line."""
    expected = isinstance(error, (GearbridgeError, ValueError, sqlite3.Error))
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _submission(function: Value, payload: Value, unique_key: Value) -> tuple[str, str | bytes, str | None]:
    if function is None:
        raise ValueError("gearman function cannot be NULL")
    if payload is None:
        raise ValueError("gearman payload cannot be NULL")
    octets = payload if isinstance(payload, (str, bytes)) else str(payload)
    return _text(function), octets, None if unique_key is None else _text(unique_key)


def _text(value: Value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
