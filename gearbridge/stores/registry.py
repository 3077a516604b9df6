"""From a store's URL to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

from .memory import MemoryStore

if TYPE_CHECKING:
    from .base import Store

#: What `--store` takes, for messages and help.
FORMS = ("memory:", "sqlite:///FILE")


def store_for(url: str) -> Store:
    """The store that a URL names, not opened yet. Raises ConfigurationError for a URL that names none."""
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        return MemoryStore()
    if scheme == "sqlite":
        # SQLAlchemy takes a moment to import, and a server that keeps its jobs in memory does not need it.
        from sqlalchemy.engine import make_url  # noqa: PLC0415
        from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

        from .sqlite import SQLiteStore  # noqa: PLC0415

        try:
            return SQLiteStore(make_url(url))
        except ArgumentError as error:
            raise ConfigurationError(f"{url!r} is not a store URL: {error}") from error
    raise ConfigurationError(f"{url!r} is not a store URL; it must be one of {', '.join(FORMS)}")
