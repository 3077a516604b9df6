"""`memcached://host:port/prefix`: jobs outlive this server in a memcached's memory. It knows no server and no queue.

Rules of this file:
1. What `apply` returned for is in memcached: it survives kill -9 of this server. It does not survive memcached's own
   end, and memcached without -M throws away what is old when its memory is full. Both are said in the log at open, and
   an end of memcached once it is back.
2. memcached has no lock that ends with its holder: nobody sees to it that two servers do not share a prefix.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError, StoreError

from .base import Abilities
from .items import ItemStore, place_of
from .memcached_connection import MemcachedConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.records import StoredJob

    from .memcached_connection import Command

_log = logging.getLogger(__name__)

#: What of an item is not its value: memcached's header and our key.
_BESIDE_VALUE = 2048


class MemcachedStore(ItemStore):
    """Jobs in one memcached."""

    _limit = "this memcached (its -I)"

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a URL that is not memcached://HOST[:PORT][/PREFIX]."""
        host, port, prefix = place_of(url, "memcached://HOST:PORT/PREFIX")
        super().__init__(MemcachedConnection(host, port), prefix)
        self._shown = f"memcached://{host}:{port}/{prefix}"
        self._process = ""  # memcached's process id: another one has none of our jobs

    @property
    def abilities(self) -> Abilities:
        """Durable as far as memcached lives; `max_payload` is known once it is open, from memcached's -I."""
        return Abilities(durable=True, transactional=False, max_payload=self._max_payload, exclusive=False)

    def open(self) -> None:
        """Connect, and say what this memcached does not promise."""
        try:
            settings = self._connection.stats(b"settings")
            self._process = self._connection.stats()["pid"]
            self._longest_value = max(int(settings["item_size_max"]) - _BESIDE_VALUE, 0)
        except (StoreError, KeyError) as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: {error}") from error
        if "no" in (settings.get("dump_enabled"), settings.get("lru_crawler")):
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: memcached must list its keys, without -X")
        _log.warning(
            "jobs in memcached survive the end of this server, not memcached's own; payloads up to %d bytes (its -I)%s",
            self._max_payload,
            "" if settings.get("evictions") == "off" else "; when its memory is full it forgets jobs: start it with -M",
        )
        self._is_open = True

    def replay(self) -> Iterator[StoredJob]:
        """The jobs kept from before, in order of submission. All are read before the first."""
        self._check_open()
        return self._in_order(self._connection.values(self._connection.keys(self._prefix)))

    def _before_writing(self) -> None:
        if self._connection.is_connected:
            return
        process = self._connection.stats().get("pid", "")
        if process != self._process:
            self._process = process
            _log.error("memcached was started anew, without its jobs: those queued now end with this server")

    def _value_of(self, key: bytes) -> list[bytes]:
        return [value for _, value in self._connection.values([key])]

    def _doubt(self, unchanged: list[Command]) -> None:
        """It says so where the item is there already, or is gone: as it should be."""
