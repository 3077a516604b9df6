"""A single job, sent to a database on its way without anybody who waits for the answer: see SinglePutStore."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from ..jobtable.bulk import BulkTableStore
from ..jobtable.rows import row_of
from ..jobtable.schema import KEPT, WAITING

if TYPE_CHECKING:
    from gearbridge.records import Put

    from ..interface import Traits
    from ..jobtable.rows import Row

#: Bytes of a payload that a socket takes at once, whatever else its buffer is for.
_MAX_PAYLOAD = 16_384


class SinglePutTableStore(BulkTableStore):
    """The part that the stores with single puts share; each has its own way to send a job and to read the answer."""

    @property
    def traits(self) -> Traits:
        """Those of a table, and prompt."""
        return super().traits._replace(prompt=True)

    @abstractmethod
    def _send(self, raw: Any, state: int, row: Row) -> int | None:
        """Send a row in this state over the driver's connection, and return its socket; None: not this one, not now."""

    @abstractmethod
    def _answered(self, raw: Any, *, wait: bool) -> bool | None:
        """Return whether it is written; None where the answer has not come, without waiting."""

    def begin_put(self, put: Put) -> int | None:
        """Send a job on its way, if it is small enough to be sent whole."""
        raw = self._at_hand()
        if raw is None or len(put.job.payload) > _MAX_PAYLOAD:
            return None
        try:
            return self._send(raw, WAITING if put.spilled else KEPT, row_of(put.job, put.job.handle.decode()))
        except Exception as error:
            if not self._is_driver_error(error):
                raise
            return None

    def put_ended(self) -> bool | None:
        """Return whether it is written; None where the answer has not come."""
        raw = self._at_hand()
        try:
            return raw is not None and self._answered(raw, wait=False)
        except Exception as error:
            if not self._is_driver_error(error):
                raise
            return False

    def wait_for_put(self) -> bool:
        """Wait for the database's answer; raises StoreUnavailable where it never comes."""
        with self._as_store_errors(), self._watched():
            raw = self._at_hand()
            return raw is not None and bool(self._answered(raw, wait=True))
