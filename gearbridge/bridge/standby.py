"""Taking the job table, or waiting until whoever has it ends. One bridge works, the others are there to follow it."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from gearbridge.errors import ConfigurationError, StoreInUse
from gearbridge.server.logs import reopen
from gearbridge.server.looping import GRACEFUL_SIGNAL, STOP_SIGNALS
from gearbridge.stores.registry import shown, store_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.stores.base import ClaimableStore

_log = logging.getLogger(__name__)

#: Seconds between two attempts to take the table.
ATTEMPT_AFTER = 1.0


class Standby:
    """Waits for the job table at this URL. Raises ConfigurationError for one that can have none.

    `stopped` is set once a signal told us to stop, which may come while the table is just being taken.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._found = False  # the database was there: what is wrong with it now may pass
        self.stopped = threading.Event()
        if not store_for(database).abilities.claimable:
            raise ConfigurationError(f"{shown(database)} has no job table; a bridge needs an SQL database")

    @contextmanager
    def table(self) -> Iterator[ClaimableStore | None]:
        """Have the table for the block; None where a signal told us to stop before. Raises ConfigurationError."""
        for number in (*STOP_SIGNALS, GRACEFUL_SIGNAL):  # nothing is in hand that could be waited for
            signal.signal(number, lambda *_: self.stopped.set())
        signal.signal(signal.SIGHUP, lambda *_: reopen())
        told = ""
        while not self.stopped.is_set():
            store = cast("ClaimableStore", store_for(self._database))
            try:
                store.open()
            except ConfigurationError as error:
                if not self._found and not isinstance(error, StoreInUse):
                    raise
                self._found = True
                if str(error) != told:
                    told = str(error)
                    _log.warning("%s; standing by until it is free", told)
                self.stopped.wait(ATTEMPT_AFTER)
                continue
            self._found = True
            try:
                yield store
            finally:
                store.close()
            return
        yield None
