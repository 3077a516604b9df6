"""What PostgreSQL and MySQL refuse for the moment only: who asks again may get it."""

from __future__ import annotations

from typing import Any

#: PostgreSQL's lock_timeout and MySQL's innodb_lock_wait_timeout.
_LOCKED = {"55P03", 1205}
#: A deadlock, or what a serializable transaction meets instead; MySQL has one number for both.
_DEADLOCKED = {"40P01", "40001", 1213}


def is_locked(error: Exception) -> bool:
    """Whether a lock was waited for in vain."""
    return not _LOCKED.isdisjoint(_codes(error))


def is_deadlocked(error: Exception) -> bool:
    """Whether two transactions waited for each other and this one was given up."""
    return not _DEADLOCKED.isdisjoint(_codes(error))


def _codes(error: Exception) -> list[Any]:
    """The SQLSTATE, and MySQL's own number, which says more."""
    cause: Any = getattr(error, "orig", None) or error
    return [getattr(cause, "sqlstate", None), *cause.args[:1]]
