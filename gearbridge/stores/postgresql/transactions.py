"""Reads and rolled back transactions on psycopg's own connection, below SQLAlchemy's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from psycopg.pq import PipelineStatus, TransactionStatus

from ..database.libpq import answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

_PREPARED = "SELECT string_agg(name, ' ') FROM pg_catalog.pg_prepared_statements"


def read(connection: Connection, statement: str, parameters: list[Any]) -> list[Sequence[Any]]:
    # Arrays, in binary like the rows. A cursor that is left open would keep what libpq has read.
    raw: Any = connection.connection.dbapi_connection
    with raw.cursor(binary=True) as cursor:
        rows: list[Sequence[Any]] = cursor.execute(statement, parameters, prepare=True).fetchall()
    return rows


@contextlib.contextmanager
def rolling_back(raw: Any) -> Iterator[None]:
    """A block after which no transaction is left open, however it ends; at worst the connection is closed."""
    try:
        yield
    except BaseException:
        if not raw.closed and not _is_rolled_back(raw):
            raw.close()
        raise


def _is_rolled_back(raw: Any) -> bool:
    """Roll back; return whether the connection can be used again. The first error is the one to report."""
    if raw.pgconn.pipeline_status != PipelineStatus.OFF:
        return False  # psycopg could not end the pipeline: the answers to some of its statements had not come
    try:
        roll_back(raw)
    except Exception:
        return False  # the answer may still come, as if it were that of the next statement
    return True


def roll_back(raw: Any) -> None:
    # Not psycopg's: it would then deallocate all that was prepared on this connection, our single put among it.
    if raw.pgconn.transaction_status != TransactionStatus.IDLE:
        answer(raw.pgconn, "ROLLBACK")
    # What psycopg was to prepare behind the statement that failed, in a pipeline, it takes for prepared.
    there = {*(answer(raw.pgconn, _PREPARED) or b"").split()}
    names = raw._prepared._names
    for key in [key for key, name in names.items() if name not in there]:
        del names[key]
