"""`redis://host:port/db?prefix=...`: jobs in one hash of a Redis or Valkey, each under its handle. It knows no queue.

Rules of this file:
1. A group is one script, so all or nothing, and only while the prefix is this server's (session.py).
2. What `apply` returned for survives kill -9 of this server. It survives Redis's own end only with `appendonly yes` and
   `appendfsync always`: Redis then forces each group to disk before it answers. Where that is not so, or unknown, it
   is logged at open.
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Any

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse, StoreUnavailable
from gearbridge.records import Drop, Put, Retry, Update

from ..database.errors import TAKEN
from ..database.redaction import redacted
from ..interface import Traits
from ..memcached.item_values import ItemValues, due_again
from ..memcached.values import TRIED, key_of
from .scripts import APPLY
from .session import RedisSession
from .settings import NEEDED, evicts_jobs, longest_value, read_settings, weak_settings
from .urls import redis_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.records import Operation, StoredJob

_log = logging.getLogger(__name__)

#: What of a command is not the value.
_BESIDE_VALUE = 4096
#: Jobs read at a time.
_JOBS = 500


class RedisStore:
    """Jobs in one Redis or Valkey, owned under a lease."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a URL of another form, and where redis-py is not installed."""
        place = redis_place(url)
        self._session = RedisSession(place)
        self._values = ItemValues(b"", place.prefix, "this Redis (its proto-max-bulk-len)")
        self._shown = redacted(url)
        self._apply: Any = None

    @property
    def traits(self) -> Traits:
        """Durable as Redis's settings are; `max_payload` is known once it is open, from them."""
        return Traits(durable=True, transactional=True, max_payload=self._values.max_payload, owned=True)

    def open(self) -> None:
        """Connect, take the prefix, and log what this Redis does not promise."""
        try:
            self._session.open()
            settings = self._settings()
        except StoreInUse:
            self.close()
            raise
        except StoreError as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: {error}") from error
        self._values.longest = longest_value(settings) - _BESIDE_VALUE
        _warn(settings)
        self._apply = self._session.client.register_script(APPLY)

    def replay(self) -> Iterator[StoredJob]:
        """The jobs kept from before, in order of submission. All are read before the first."""
        self._check_open()
        with self._session.errors_told():
            # A hash that is being enlarged may show a field twice.
            items = dict(self._session.client.hscan_iter(self._session.keys[1], count=_JOBS))
        return self._values.in_order(items.items())

    def apply(self, group: Sequence[Operation]) -> None:
        """Do the operations in order, all or none."""
        self._check_open()
        words: list[Any] = []
        for operation in group:
            if isinstance(operation, Put):
                words += "put", key_of(b"", operation.job.handle), self._values.value_of(operation.job)
            elif isinstance(operation, Drop):
                words += "drop", key_of(b"", operation.handle), b""
            elif isinstance(operation, Update):
                words += "update", key_of(b"", operation.handle), struct.pack(">I", operation.attempts)
            elif isinstance(operation, Retry):
                tried = TRIED.pack(operation.attempts, due_again(operation))
                words += "update", key_of(b"", operation.handle), tried
            else:
                raise StoreError(f"a job that SQL enqueued cannot be stored here: {operation!r}")
        if words and self._session.apply(self._apply, words) == b"TAKEN":
            raise StoreError(TAKEN)

    def own(self) -> int:
        """Make sure that the prefix is this store's."""
        self._check_open()
        return self._session.own()

    def close(self) -> None:
        """Give up the prefix and disconnect."""
        self._session.close()
        self._apply = None

    def _settings(self) -> dict[str, str]:
        """Those of Redis's settings that matter here; none where we may not ask."""
        try:
            with self._session.errors_told():
                return read_settings(self._session.client)
        except StoreUnavailable:
            raise
        except StoreError as error:
            _log.info("Redis refuses to show its settings: %s", error)
            return {}

    def _check_open(self) -> None:
        if self._apply is None:
            raise StoreError("the store is not open")


def _warn(settings: dict[str, str]) -> None:
    """Log what a Redis with these settings does not promise."""
    weak = weak_settings(settings)
    if weak:
        _log.warning(
            "jobs in Redis survive the end of this server, not Redis's own (%s): for that it needs %s",
            ", ".join(weak),
            NEEDED,
        )
    if evicts_jobs(settings):
        _log.warning("this Redis evicts jobs when its memory is full: set maxmemory-policy to noeviction")
