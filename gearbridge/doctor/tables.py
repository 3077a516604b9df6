"""The store of a job server in SQLite or MySQL: whether it can be reached, and its table is of our version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from gearbridge.stores.broken import reason
from gearbridge.stores.schema import FAILED, SCHEMA_VERSION, WAITING, job, version

from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


def check_table(url: str) -> Iterator[Finding]:
    """Look at the table; a server that has it goes on undisturbed."""
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        if parsed.drivername == "sqlite" and parsed.database:  # SQLite would make the file
            parsed = parsed.set(database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"})
        connection = create_engine(parsed, poolclass=NullPool).connect()
    except (ArgumentError, SQLAlchemyError, ValueError) as error:
        yield Finding("database", False, "the database cannot be reached", reason(error))
        return
    with connection:
        yield Finding("database", True, f"the database answers: {connection.dialect.name}")
        if not inspect(connection).has_table(job.name):
            remedy = "a server makes it: gearbridge server --store with this URL"
            yield Finding("database", False, f"there is no table {job.name}", remedy)
            return
        found = connection.execute(select(version.c.version)).scalar()
        remedy = f"start a server of {'this' if (found or 0) < SCHEMA_VERSION else 'that later'} version"
        yield Finding("database", found == SCHEMA_VERSION, f"the job table has version {found}", remedy)
        counts = {
            state: connection.execute(select(func.count()).where(job.c.state == state)).scalar()
            for state in (WAITING, FAILED)
        }
        text = f"jobs that SQL enqueued: {counts[WAITING]} wait, {counts[FAILED]} failed"
        yield Finding("database", True, text)
