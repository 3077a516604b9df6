"""Several memcacheds as one: a hash of the key chooses which of them has an item, as for libmemcached's clients.

The hash is not libmemcached's, because the keys are not gearmand's either. An item that is found elsewhere, because the
servers were named in another order or were others, stays where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

from .connection import MemcachedConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .connection import Command
    from .items import ItemPlace

T = TypeVar("T")


class MemcachedServers:
    """One connection to each. Raises StoreUnavailable where one of those that are needed is away."""

    def __init__(self, places: Iterable[ItemPlace]) -> None:
        self._servers = [MemcachedConnection(place.host, place.port) for place in places]
        self._elsewhere: dict[bytes, int] = {}  # items that are not where the hash places them

    @property
    def is_connected(self) -> bool:
        """Return whether no command needs a new connection, as far as is known."""
        return all(server.is_connected for server in self._servers)

    def close(self) -> None:
        """Disconnect."""
        for server in self._servers:
            server.close()

    def stats_of_each(self, of: bytes = b"") -> list[dict[str, str]]:
        """Return each server's answer to `stats`."""
        return [server.stats(of) for server in self._servers]

    def pipeline(self, commands: Sequence[Command]) -> Iterator[list[tuple[Command, bytes]]]:
        """Send the commands, in order for each server; some at a time with the reply line of each, without its end."""
        for server, part in self._parts(commands, lambda command: command[1]):
            yield from server.pipeline(part)

    def values(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of those that are there. Read to the end before the next command."""
        for server, part in self._parts(keys, lambda key: key):
            yield from server.values(part)

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin so, in no order."""
        self._elsewhere.clear()
        found: list[bytes] = []
        for number, server in enumerate(self._servers):
            for key in server.keys(prefix):
                if self._number_of(key) != number:
                    self._elsewhere[key] = number
                found.append(key)
        return found

    def _parts(self, items: Sequence[T], key_of: Callable[[T], bytes]) -> Iterable[tuple[MemcachedConnection, list[T]]]:
        """The items for each server, in their order."""
        if len(self._servers) == 1:
            return [(self._servers[0], list(items))]
        parts: dict[int, list[T]] = {}
        for item in items:
            parts.setdefault(self._number_of(key_of(item)), []).append(item)
        return [(self._servers[number], part) for number, part in parts.items()]

    def _number_of(self, key: bytes) -> int:
        number = self._elsewhere.get(key)
        return crc32(key) % len(self._servers) if number is None else number
