"""Jobs as values of one prefix, in order of submission: for stores of keys and values. It knows no connection."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gearbridge.backoff import pause_before
from gearbridge.errors import StoreError

from .values import job_of, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gearbridge.records import Retry, StoredJob

_log = logging.getLogger(__name__)

#: What of a value is not its payload: our head, and names as long as the protocol's limits let them be.
_BESIDE_PAYLOAD = 2048


class ItemValues:
    """Numbers values in order of submission, and refuses those that are too large."""

    def __init__(self, prefix: bytes, name: str, limit: str) -> None:
        """`prefix` is what keys begin with; `name` and `limit` are what messages call the prefix and the limit."""
        self._prefix = prefix
        self._name = name
        self._limit = limit
        self._last = 0
        self.longest: int | None = None  # bytes of a value; known once the store is open

    @property
    def max_payload(self) -> int | None:
        """Largest payload in bytes, whatever the names beside it; None is no limit."""
        return None if self.longest is None else max(0, self.longest - _BESIDE_PAYLOAD)

    def value_of(self, job: StoredJob) -> bytes:
        """The job as a value behind all others. Raises StoreError where it is too large."""
        # The clock only gives the first number; replay lifts it above all that are kept, whatever the clock.
        self._last = max(self._last + 1, time.time_ns())
        value = value_of(job, self._last)
        if self.max_payload is not None and len(job.payload) > self.max_payload:
            raise StoreError(f"payload of {len(job.payload)} bytes; {self._limit} allows {self.max_payload} at most")
        if self.longest is not None and len(value) > self.longest:
            raise StoreError(
                f"names of {len(value) - len(job.payload)} bytes leave no room for the payload: "
                f"{self._limit} allows {self.longest} for both"
            )
        return value

    def in_order(self, items: Iterable[tuple[bytes, bytes]]) -> Iterator[StoredJob]:
        """The jobs among items, in order of submission. All are read before the first."""
        found: list[tuple[int, StoredJob]] = []
        foreign: list[bytes] = []
        for key, value in items:
            placed = job_of(value)
            if placed is not None and key_of(self._prefix, placed[1].handle) == key:
                found.append(placed)
            else:
                foreign.append(key)
        if foreign:
            _log.error(
                "%d values under the prefix %s are no jobs of this gearbridge's and stay where they are, such as %s",
                len(foreign),
                self._name,
                foreign[0].decode("utf-8", "backslashreplace"),
            )
        found.sort(key=lambda one: one[0])
        if found:
            self._last = max(self._last, found[-1][0])
        return iter([job for _, job in found])


def due_again(retry: Retry) -> int:
    """Return when a job whose attempt failed is due, in seconds since 1970."""
    return int(time.time()) + pause_before(retry.handle, retry.attempts)
