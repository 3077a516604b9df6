"""Errors of databases: broken connections, and what PostgreSQL and MySQL refuse only for the moment."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: PostgreSQL's lock_timeout and MySQL's innodb_lock_wait_timeout.
_LOCKED = {"55P03", 1205}
#: A deadlock, or what a serializable transaction meets instead; MySQL has one number for both.
_DEADLOCKED = {"40P01", "40001", 1213}
#: No room on the disk: PostgreSQL's SQLSTATE, MySQL's numbers (disk, table, undo records), SQLite's name.
_FULL = {"53100", 1021, 1114, 1713, "SQLITE_FULL"}
#: A schema, a table or another object that is there already; a row of PostgreSQL's own catalogues that is.
_MADE = {"42P06", "42P07", "42710", "23505"}


#: MySQL with its binary log takes no function that writes from anybody, and no trigger but an administrator's.
_BINARY_LOG = {1418, 1419}
_BINARY_LOG_ADVICE = (
    "; the server keeps a binary log: let an administrator SET GLOBAL log_bin_trust_function_creators = 1, "
    "and set it in the server's configuration, then do this again"
)

#: The error where the row in the way of a job's is another job's.
TAKEN = "another job has this handle already"
#: What an INSERT raises where another job has the handle: each statement makes its database refuse it in one of these
#: ways, for none compares what is there with what is new.
_TAKEN = ("another job has the handle", "NOT NULL constraint failed: gearbridge_job.handle")
_NULL = 1048  # MySQL's number, for its words may be in any language


def is_taken(error: Exception) -> bool:
    """Return whether a handle that was to be inserted is another job's."""
    text = str(getattr(error, "orig", None) or error)
    return any(words in text for words in _TAKEN) or (_NULL in _codes(error) and "'handle'" in text)


def is_locked(error: Exception) -> bool:
    """Return whether the wait for a lock timed out."""
    return not _LOCKED.isdisjoint(_codes(error))


def is_full(error: Exception) -> bool:
    """Return whether the database has no room on its disk."""
    return not _FULL.isdisjoint(_codes(error)) or getattr(error, "sqlite_errorname", None) in _FULL


def advice(error: Exception) -> str:
    """Return the remedy for an error that an administrator's setting cures, to go behind its text; empty for others."""
    return _BINARY_LOG_ADVICE if not _BINARY_LOG.isdisjoint(_codes(error)) else ""


def is_deadlocked(error: Exception) -> bool:
    """Return whether two transactions waited for each other and this one was given up."""
    return not _DEADLOCKED.isdisjoint(_codes(error))


def is_not_understood(error: BaseException) -> bool:
    """Return whether MySQL does not know the statement."""
    return 1064 in _codes(error)


def is_not_permitted(error: BaseException) -> bool:
    """Return whether PostgreSQL refused it to this role."""
    return "42501" in _codes(error)


def is_made_meanwhile(error: BaseException) -> bool:
    """Return whether PostgreSQL refused to make what another transaction had made just before."""
    return not _MADE.isdisjoint(_codes(error))


def _codes(error: BaseException) -> list[Any]:
    """Return the SQLSTATE, and MySQL's own number, which is more specific."""
    cause: Any = getattr(error, "orig", None) or error
    return [getattr(cause, "sqlstate", None), *cause.args[:1]]


def discard(connection: Connection | None) -> None:
    """Disconnect, from a server that may be gone; harmless when not connected."""
    if connection is None:
        return
    with contextlib.suppress(SQLAlchemyError):  # it may be broken already
        connection.invalidate()
    connection.close()


def reason(error: Exception) -> str:
    """The driver's own words, without SQLAlchemy's statement and parameters, which would carry payloads into logs."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip() or type(cause).__name__
