"""Acquiring the job table, or waiting until its owner ends. One bridge works, the others are its standbys."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, cast

from gearbridge.errors import ConfigurationError, StoreInUse
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.registry import store_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.stores.interface import ClaimableStore

_log = logging.getLogger(__name__)

#: Seconds between two attempts to take the table.
ATTEMPT_AFTER = 1.0


class Standby:
    """Waits for the job table at this URL. Raises ConfigurationError for one that can have none.

    `waiting` is called with the reason, each time that changes. `waits` is whether it stands by; `trouble` is the
    error of the database, None while the only obstacle is another bridge or server.
    """

    def __init__(self, database: str, waiting: Callable[[str], None]) -> None:
        self.waits = False
        self.trouble: str | None = None
        self._database = database
        self._waiting = waiting
        self._found = False  # the database was there: what is wrong with it now may pass
        if not store_for(database).traits.claimable:
            raise ConfigurationError(f"{redacted(database)} has no job table; a bridge needs an SQL database")

    async def take(self, stopped: asyncio.Event) -> ClaimableStore | None:
        """Return the open store, once the table is ours; None after a stop. Raises ConfigurationError."""
        told = ""
        while not stopped.is_set():
            store = cast("ClaimableStore", store_for(self._database))
            try:
                await asyncio.to_thread(store.open)
            except ConfigurationError as error:
                in_use = isinstance(error, StoreInUse)
                if not self._found and not in_use:
                    raise
                self._found = self.waits = True
                self.trouble = None if in_use else str(error)
                if str(error) != told:
                    told = str(error)
                    _log.warning("%s; standing by until it is free", told)
                    self._waiting(f"gearbridge bridge stands by: {told}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ATTEMPT_AFTER):
                        await stopped.wait()
                continue
            self._found = True
            self.waits, self.trouble = False, None
            if not stopped.is_set():
                return store
            store.close()
        return None
