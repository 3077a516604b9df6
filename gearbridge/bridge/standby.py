"""Taking the job table, or waiting until whoever has it ends. One bridge works, the others are there to follow it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, cast

from gearbridge.errors import ConfigurationError, StoreInUse
from gearbridge.stores.registry import shown, store_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.stores.base import ClaimableStore

_log = logging.getLogger(__name__)

#: Seconds between two attempts to take the table.
ATTEMPT_AFTER = 1.0


class Standby:
    """Waits for the job table at this URL. Raises ConfigurationError for one that can have none.

    `waiting` is called with a line that says why, each time that changes. `waits` says whether it stands by; `trouble`
    why the database cannot be had, None while all that is in the way is another bridge or server.
    """

    def __init__(self, database: str, waiting: Callable[[str], None]) -> None:
        self.waits = False
        self.trouble: str | None = None
        self._database = database
        self._waiting = waiting
        self._found = False  # the database was there: what is wrong with it now may pass
        if not store_for(database).abilities.claimable:
            raise ConfigurationError(f"{shown(database)} has no job table; a bridge needs an SQL database")

    async def take(self, stopped: asyncio.Event) -> ClaimableStore | None:
        """The open store, once the table is ours; None where we were told to stop. Raises ConfigurationError."""
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
