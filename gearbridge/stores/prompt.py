"""A single job, sent to a database on its way without anybody who waits for the answer: see PromptStore."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from .bulk import BulkTableStore
from .rows import row_of
from .schema import KEPT, WAITING

if TYPE_CHECKING:
    from gearbridge.records import Put

    from .base import Abilities
    from .rows import Row

#: Bytes of a payload that a socket takes at once, whatever else its buffer is for.
_MAX_PAYLOAD = 16_384


class PromptTableStore(BulkTableStore):
    """What the stores share that know how to; each says how a job is sent, and what became of it."""

    @property
    def abilities(self) -> Abilities:
        """Those of a table, and prompt."""
        return super().abilities._replace(prompt=True)

    @abstractmethod
    def _send(self, raw: Any, state: int, row: Row) -> int | None:
        """Send a row in this state over the driver's connection, and return its socket; None: not this one, not now."""

    @abstractmethod
    def _answered(self, raw: Any, *, wait: bool) -> bool | None:
        """Whether it is written; None where the answer has not come, and is not waited for."""

    def begin_put(self, put: Put) -> int | None:
        """Send a job on its way, if it is small enough to be sent whole."""
        raw = self._at_hand()
        if raw is None or len(put.job.payload) > _MAX_PAYLOAD:
            return None
        try:
            return self._send(raw, WAITING if put.beyond else KEPT, row_of(put.job, put.job.handle.decode()))
        except Exception as error:
            if not self._is_driver_error(error):
                raise
            return None

    def put_ended(self) -> bool | None:
        """Whether it is written, as far as the database has told."""
        raw = self._at_hand()
        try:
            return raw is not None and self._answered(raw, wait=False)
        except Exception as error:
            if not self._is_driver_error(error):
                raise
            return False

    def wait_for_put(self) -> bool:
        """Wait until the database tells; raises StoreUnavailable where it never will."""
        with self._errors_told(), self._watched():
            raw = self._at_hand()
            return raw is not None and bool(self._answered(raw, wait=True))
