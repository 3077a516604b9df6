"""A claimed job that SQL enqueued, with its result and attempts: given to workers here, or relayed by a bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import Done, Drop, Failed, Retry
from gearbridge.wire.parser import MAX_PACKET

from .jobs import Job

if TYPE_CHECKING:
    from gearbridge.records import ClaimedJob, Operation

#: Bytes of a result to be kept that may come as WORK_DATA, which are held in memory until the job ends.
MAX_RESULT = MAX_PACKET


class EnqueuedJob(Job):
    """A job that SQL enqueued and this server has claimed.

    Its row outlives its failure, and its success where that was asked for.
    """

    __slots__ = ("_chunks", "_size", "keep_result", "max_attempts")
    claimed = True

    def __init__(self, claimed: ClaimedJob, function: bytes) -> None:
        super().__init__(
            claimed.handle,
            function,
            claimed.payload,
            claimed.unique_key,
            claimed.priority,
            claimed.due,
            claimed.attempts,
            claimed.reducer,
        )
        self.background = True
        self.max_attempts = claimed.max_attempts
        self.keep_result = claimed.keep_result
        self.begin_result()

    def begin_result(self) -> None:
        """An attempt begins, and with it its result."""
        self._chunks: list[bytes] = []
        self._size = 0

    def add_data(self, data: bytes) -> None:
        """WORK_DATA has brought a part of the result. What gets too large is held no longer, only counted."""
        if self.keep_result:
            self._size += len(data)
            self._chunks.append(data)
            if self._size > MAX_RESULT:
                self._chunks.clear()

    @property
    def size(self) -> int:
        """Bytes of the result so far, as they are held."""
        return self._size if self._chunks else 0

    def completed(self, result: bytes) -> Operation:
        """Return the operation that settles it with success."""
        if not self.keep_result:
            return Drop(self.handle)
        if self._size > MAX_RESULT:
            why = f"the result of {self._size + len(result)} bytes is over {MAX_RESULT}, which is what can be kept"
            return Failed(self.handle, self.attempts + 1, why)
        return Done(self.handle, b"".join((*self._chunks, result)))

    def failed(self, error: str) -> Operation:
        """Return the operation that settles this attempt's failure."""
        attempts = self.attempts + 1
        if attempts < self.max_attempts:
            return Retry(self.handle, attempts, error)
        return Failed(self.handle, attempts, error)
