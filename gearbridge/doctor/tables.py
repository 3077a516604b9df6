"""The job table in SQLite, MySQL or MariaDB: whether it is of our version, and somebody takes its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import func, inspect, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.engines import engine_for
from gearbridge.stores.database.errors import is_full, reason
from gearbridge.stores.database.urls import database_url
from gearbridge.stores.jobtable.live_nodes import alive
from gearbridge.stores.jobtable.queries import LEAST_TRIAL, try_room
from gearbridge.stores.jobtable.schema import FAILED, SCHEMA_VERSION, WAITING, job, node, version

from . import mysql, sqlite
from .alike import ABOUT, LARGEST, jobs_finding, largest_findings, room_finding
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

#: MySQL's error for a table of which a user may not know whether it is there.
_DENIED = 1142
#: Bytes that SQLite's log may have written before, and has room for on a full disk.
_SQLITE_LOG = 4_200_000


def check_table(url: str, functions: Sequence[str] = ()) -> Iterator[Finding]:
    """Look at a database; a server or bridge that has its table goes on undisturbed.

    `functions` are those that the user must be allowed to submit, in MySQL and MariaDB.
    """
    try:
        parsed = database_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:  # SQLite would make the file
            parsed = parsed.set(database=f"file:{quote(parsed.database)}", query={"mode": "ro", "uri": "true"})
        connection = engine_for(parsed).connect()
    except (ConfigurationError, SQLAlchemyError) as error:
        yield Finding(ABOUT, False, "the database cannot be reached", reason(error))
        return
    with connection:
        yield Finding(ABOUT, True, f"the database answers: {connection.dialect.name}")
        looks = [_table(connection), _room(url)]
        if connection.dialect.name != "sqlite":
            looks += [mysql.installed(connection), mysql.rights(connection, functions), mysql.clock(connection)]
        for look in looks:
            try:
                yield from look
            except SQLAlchemyError as error:
                yield Finding(ABOUT, False, f"a question failed: {reason(error)}", "which right is missing?")


def _room(url: str) -> Iterator[Finding]:
    """Write a job and roll it back, over a connection that may write; no finding where this user may not."""
    parsed = database_url(url)
    size = LEAST_TRIAL
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        parsed = parsed.set(database=f"file:{quote(parsed.database)}", query={"mode": "rw", "uri": "true"})
        size = _SQLITE_LOG
    try:
        with engine_for(parsed).connect() as connection:
            try_room(connection, size)
    except SQLAlchemyError as error:
        if is_full(getattr(error, "orig", None) or error):
            yield room_finding(reason(error))
    else:
        yield room_finding(None)


def _table(connection: Connection) -> Iterator[Finding]:
    try:
        there = inspect(connection).has_table(job.name)
    except DBAPIError as error:
        if getattr(error.orig, "args", (None,))[0] != _DENIED:
            raise
        yield Finding(ABOUT, True, "this user may not read the job table, as one that only submits should not")
        return
    if not there:
        remedy = "gearbridge server --store or gearbridge bridge --database makes it, with this URL"
        yield Finding(ABOUT, False, f"there is no table {job.name}", remedy)
        return
    found = connection.execute(select(version.c.version)).scalar()
    remedy = f"start a server of {'this' if (found or 0) < SCHEMA_VERSION else 'that later'} version"
    yield Finding(ABOUT, found == SCHEMA_VERSION, f"the job table has version {found}", remedy)
    waiting, failed = (
        int(connection.execute(select(func.count()).where(job.c.state == state)).scalar() or 0)
        for state in (WAITING, FAILED)
    )
    look = sqlite.is_taken if connection.dialect.name == "sqlite" else mysql.is_taken
    nodes = alive(connection) if inspect(connection).has_table(node.name) else []
    yield jobs_finding(waiting, failed, look(connection), nodes)
    yield from largest_findings(connection.exec_driver_sql(LARGEST.format(job.name)).first())
    if connection.dialect.name != "sqlite":
        yield from mysql.held(connection)
