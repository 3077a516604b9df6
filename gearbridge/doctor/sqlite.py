"""Checks of an SQLite file alone: its owner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gearbridge.stores.sqlite.store import lock_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Every lock that a process holds, as Linux lists them: its kind, and the file as DEVICE:INODE, third from the end.
_LOCKS = Path("/proc/locks")


def is_taken(connection: Connection) -> bool | None:
    """Return whether a server or bridge has the file; None where finding out would disturb it."""
    path = str(connection.exec_driver_sql("PRAGMA database_list").one().file)
    try:
        inode = Path(lock_of(path)).stat().st_ino
    except OSError:
        return False
    try:
        held = [line.split() for line in _LOCKS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return None
    return any("FLOCK" in fields and fields[-3].endswith(f":{inode}") for fields in held)
