"""Enqueueing from Python, in the transaction of a connection that the program has. It opens and commits nothing.

    with psycopg.connect(...) as db:
        db.execute("INSERT INTO images ...")
        gearbridge.enqueue(db, "resize", payload)

In PostgreSQL and MySQL the SQL function gman_enqueue does it, with its rights and its errors. In SQLite, where a
database has no functions of its own, the same row is inserted from here.
"""

from __future__ import annotations

import math
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gearbridge.dbapi import plain_row, plain_rows, runner
from gearbridge.records import MAX_FUNCTION, MAX_UNIQUE_KEY, PRIORITIES
from gearbridge.traceparent import to_traceparent

if TYPE_CHECKING:
    from datetime import datetime

    from gearbridge.dbapi import Run

_CALLS = {
    "postgresql": (
        "SELECT gman_enqueue(?, CAST(? AS bytea), ?, ?, CAST(? AS timestamptz), CAST(? AS int), CAST(? AS bool))"
    ),
    "mysql": "SELECT gman_enqueue(?, ?, ?, ?, ?, ?, ?)",
}
#: The setting is put back, for it is no other job's; as one statement, because each may be a transaction of its own.
_TRACED = (
    "WITH former AS MATERIALIZED (SELECT current_setting('gearbridge.traceparent', true) AS traceparent), "
    "traced AS MATERIALIZED (SELECT set_config('gearbridge.traceparent', ?, true) FROM former), "
    f"job AS MATERIALIZED ({_CALLS['postgresql']} AS handle FROM traced) "
    "SELECT handle, set_config('gearbridge.traceparent', coalesce(former.traceparent, ''), true) FROM job, former"
)
_INSERT = (
    "INSERT INTO gearbridge_job (handle, function, unique_key, priority, payload, due, attempts, reducer, state, "
    "max_attempts, keep_result, enqueued) VALUES (?, ?, ?, ?, ?, ?, 0, ?, 1, ?, ?, ?) "
    "ON CONFLICT (function, unique_key) WHERE state = 1 AND unique_key != '' DO NOTHING RETURNING handle"
)
_FIND = "SELECT handle FROM gearbridge_job WHERE function = ? AND unique_key = ? AND state = 1"


def enqueue(
    connection: Any,
    function: str,
    payload: bytes | str,
    *,
    unique_key: str | None = None,
    priority: str = "normal",
    run_at: datetime | None = None,
    max_attempts: int | None = None,
    keep_result: bool = False,
    traceparent: str | None = None,
) -> str:
    """Enqueue a background job as part of the connection's transaction, and return its handle.

    `connection` is one of psycopg, psycopg2, PyMySQL, MySQLdb, mysql.connector or sqlite3, an SQLAlchemy connection or
    session, or Django's `django.db.connection`. Text goes to the worker as UTF-8. `run_at` must have a time zone.

    An unfinished job of this function with this `unique_key` is not enqueued again: its handle is returned. A job that
    fails is tried until it was tried `max_attempts` times (None: once); with `keep_result` its row stays when it is
    done. The worker gets the `traceparent` (W3C Trace Context); where none is given, that of the session's setting, in
    PostgreSQL and MySQL.

    Raises ConfigurationError for a connection it does not know, ValueError for a value that cannot be, and what the
    driver raises; the transaction is then as the database has it.
    """
    wish = _wish(
        function,
        payload,
        unique_key=unique_key,
        priority=priority,
        run_at=run_at,
        max_attempts=max_attempts,
        keep_result=keep_result,
    )
    trace = to_traceparent(traceparent).decode()
    kind, run = runner(connection)
    if kind == "sqlite":
        return _insert(run, wish, trace)
    if kind == "mysql":
        return _call_mysql(run, wish, trace)
    return str(run(*_call_postgresql(wish, trace))[0][0])


async def enqueue_async(
    connection: Any, function: str, payload: bytes | str, *, traceparent: str | None = None, **options: Any
) -> str:
    """`enqueue` for psycopg's AsyncConnection and SQLAlchemy's AsyncConnection and AsyncSession."""
    if hasattr(connection, "run_sync"):
        return str(
            await connection.run_sync(
                lambda plain: enqueue(plain, function, payload, traceparent=traceparent, **options)
            )
        )
    statement, values = _call_postgresql(_wish(function, payload, **options), to_traceparent(traceparent).decode())
    async with connection.cursor(**plain_rows("psycopg")) as cursor:
        await cursor.execute(statement.replace("?", "%s"), values)
        return str(plain_row(await cursor.fetchone())[0])


class _Wish(NamedTuple):
    """The arguments of gman_enqueue, in its order."""

    function: str
    payload: bytes
    unique_key: str | None
    priority: str
    run_at: datetime | None
    max_attempts: int | None
    keep_result: bool


def _wish(
    function: str,
    payload: bytes | str,
    *,
    unique_key: str | None = None,
    priority: str = "normal",
    run_at: datetime | None = None,
    max_attempts: int | None = None,
    keep_result: bool = False,
) -> _Wish:
    if run_at is not None and run_at.tzinfo is None:
        raise ValueError("run_at needs a time zone: datetime.now(timezone.utc), for example")
    if "\0" in function or "\0" in (unique_key or ""):
        raise ValueError("a function name and a unique key have no NUL")
    content = payload.encode() if isinstance(payload, str) else bytes(payload)
    return _Wish(function, content, unique_key, priority, run_at, max_attempts, keep_result)


def _call_postgresql(wish: _Wish, traceparent: str) -> tuple[str, tuple[object, ...]]:
    return (_TRACED, (traceparent, *wish)) if traceparent else (_CALLS["postgresql"], wish)


def _call_mysql(run: Run, wish: _Wish, traceparent: str) -> str:
    values: tuple[object, ...] = wish
    if wish.run_at is not None:
        # Seconds since 1970: a DATETIME would be in the session's time zone, where an hour may come twice.
        values = (*wish[:4], f"@{max(1, math.ceil(wish.run_at.timestamp()))}", *wish[5:])
    if not traceparent:
        return str(run(_CALLS["mysql"], values)[0][0])
    ((former,),) = run("SELECT @gearbridge_traceparent")
    run("SET @gearbridge_traceparent = ?", (traceparent,))
    try:
        return str(run(_CALLS["mysql"], values)[0][0])
    finally:
        run("SET @gearbridge_traceparent = ?", (former,))


def _insert(run: Run, wish: _Wish, traceparent: str) -> str:
    """Insert as gman_enqueue does, in a database without functions."""
    _check(wish.function, wish.unique_key, wish.priority, wish.max_attempts)
    due = 0 if wish.run_at is None else math.ceil(wish.run_at.timestamp())
    names = (wish.function.replace("\\", "\\\\"), (wish.unique_key or "").replace("\\", "\\\\"))
    row = (
        f"S:{secrets.token_hex(8)}",
        *names,
        PRIORITIES.index(wish.priority),
        wish.payload,
        max(0, due),
        f"\\x00{traceparent}" if traceparent else "",  # as stores/jobtable/names.py writes what traceparent.py keeps
        wish.max_attempts or 0,
        int(wish.keep_result),
        int(time.time()),
    )
    found = run(_INSERT, row) or run(_FIND, names)
    return str(found[0][0])


def _check(function: str, unique_key: str | None, priority: str, max_attempts: int | None) -> None:
    if not 1 <= len(function.encode()) <= MAX_FUNCTION:
        raise ValueError(f"a function name has 1 to {MAX_FUNCTION} bytes")
    if unique_key is not None and len(unique_key.encode()) > MAX_UNIQUE_KEY:
        raise ValueError(f"a unique key has at most {MAX_UNIQUE_KEY} bytes")
    if priority not in PRIORITIES:
        raise ValueError(f"no such priority: {priority}; it is high, normal or low")
    if max_attempts is not None and max_attempts < 0:
        raise ValueError("max_attempts cannot be negative")
