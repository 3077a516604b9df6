"""Connections that break: letting go of one, and saying why."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy import Connection


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
