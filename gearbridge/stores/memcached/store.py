"""`memcached://host:port/prefix`: jobs outlive this server in a memcached's memory. It knows no server and no queue.

Rules of this file:
1. What `apply` returned for is in memcached: it survives kill -9 of this server. It does not survive memcached's own
   end, and memcached without -M throws away what is old when its memory is full. Both are logged at open, and an
   end of memcached once it is back.
2. memcached has no lock that ends with its holder: two servers that share a prefix are not detected.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError, StoreError

from ..database.redaction import redacted
from ..interface import Traits
from .items import ItemStore, places_of
from .servers import MemcachedServers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.records import StoredJob

    from .connection import Command

_log = logging.getLogger(__name__)

#: What of an item is not its value: memcached's header and our key.
_BESIDE_VALUE = 2048


class MemcachedStore(ItemStore):
    """Jobs in one memcached, or spread over several."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a URL that is not memcached://HOST[:PORT][,HOST...][/PREFIX]."""
        places = places_of(url)
        self._servers = MemcachedServers(places)
        super().__init__(self._servers, places[0].prefix, "this memcached (its -I)")
        self._shown = redacted(url)
        self._processes: list[str] = []  # each memcached's process id: another one has none of our jobs

    @property
    def traits(self) -> Traits:
        """Durable as far as memcached lives; `max_payload` is known once it is open, from memcached's -I."""
        return Traits(durable=True, transactional=False, max_payload=self._values.max_payload, exclusive=False)

    def open(self) -> None:
        """Connect, and log what this memcached does not promise."""
        try:
            settings = self._servers.stats_of_each(b"settings")
            self._processes = [stats["pid"] for stats in self._servers.stats_of_each()]
            self._values.longest = max(min(int(one["item_size_max"]) for one in settings) - _BESIDE_VALUE, 0)
        except (StoreError, KeyError) as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: {error}") from error
        if any("no" in (one.get("dump_enabled"), one.get("lru_crawler")) for one in settings):
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: memcached must list its keys, without -X")
        forgets = any(one.get("evictions") != "off" for one in settings)
        _log.warning(
            "jobs in memcached survive the end of this server, not memcached's own; payloads up to %d bytes (its -I)%s",
            self._values.max_payload,
            "; when its memory is full it forgets jobs: start it with -M" if forgets else "",
        )
        self._is_open = True

    def replay(self) -> Iterator[StoredJob]:
        """The jobs kept from before, in order of submission. All are read before the first."""
        self._check_open()
        return self._values.in_order(self._servers.values(self._servers.keys(self._prefix)))

    def _before_writing(self) -> None:
        if self._connection.is_connected:
            return
        processes = [stats.get("pid", "") for stats in self._servers.stats_of_each()]
        if processes != self._processes:
            self._processes = processes
            _log.error("memcached was restarted and has lost its jobs: those queued now end with this server")

    def _value_of(self, key: bytes) -> list[bytes]:
        return [value for _, value in self._servers.values([key])]

    def _doubt(self, unchanged: list[Command]) -> None:
        self._demand_ours(command for command in unchanged if command[0] == b"add")
