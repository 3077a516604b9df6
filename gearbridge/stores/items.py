"""Jobs as items behind memcached's protocol, one item each: what every store that speaks it has in common.

Rules of this file:
1. A Put is an `add`: what is there already stays, so a group may be applied again.
2. Groups are pipelined. The commands of one run are on different keys, so that what one of them was answered is told by
   that key alone; an operation on a key that has its command already begins the next run.
3. A group is not all or nothing: where one command is refused, those beside it may have been done.
"""

from __future__ import annotations

import logging
import re
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.records import Drop, Put, Update

from .memcached_values import job_of, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gearbridge.records import Operation, StoredJob

    from .base import Abilities
    from .memcached_connection import Command, MemcachedConnection

_log = logging.getLogger(__name__)

#: What of a value is not its payload: our head, and names as long as the protocol's limits let them be.
BESIDE_PAYLOAD = 2048
_PREFIX = re.compile(r"[!-9;-~]{1,60}")
_DONE = {b"STORED", b"NOT_STORED", b"DELETED", b"NOT_FOUND"}


class ItemPlace(NamedTuple):
    """Where items are kept: a server, and what their keys begin with."""

    host: str
    port: int
    prefix: str


def place_of(url: str, form: str) -> ItemPlace:
    """The place that SCHEME://HOST[:PORT][/PREFIX] names. Raises ConfigurationError, telling `form`, for any other."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 11211
    except ValueError as error:
        raise ConfigurationError(f"{url!r} is not a store URL: {error}") from error
    if not host or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(f"{url!r} is not a store URL: it must be {form}")
    prefix = unquote(parts.path.strip("/")) or "gearbridge"
    if not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(f"{url!r}: the prefix must be 1 to 60 printable ASCII characters, no space, no colon")
    return ItemPlace(host, port, prefix)


class ItemStore(ABC):
    """Jobs as items. A subclass says how it opens and lists them, and what it makes of replies."""

    #: Which limit it is that a job exceeds, for messages.
    _limit = "the store"

    def __init__(self, connection: MemcachedConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix.encode() + b":"
        self._is_open = False
        self._longest_value: int | None = None  # known once it is open
        self._last = 0

    @property
    @abstractmethod
    def abilities(self) -> Abilities:
        """What this store promises."""

    def apply(self, group: Sequence[Operation]) -> None:
        """Do the operations in order. Where one is refused, StoreError; those beside it may have been done."""
        self._check_open()
        commands: dict[bytes, Command] = {}
        for operation in group:
            key = key_of(self._prefix, operation.job.handle if isinstance(operation, Put) else operation.handle)
            if key in commands or isinstance(operation, Update):
                self._run(commands)
                commands = {}
            if isinstance(operation, Put):
                commands[key] = self._adding(key, operation.job)
            elif isinstance(operation, Drop):
                commands[key] = (b"delete", key, None)
            elif isinstance(operation, Update):
                commands.update(self._updating(key, operation))
            else:
                raise StoreError(f"jobs that SQL enqueued are not kept here: {operation!r}")
        self._run(commands)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
        self._is_open = False

    @abstractmethod
    def _before_writing(self) -> None:
        """See to it that what will be written goes where it should; called before every run."""

    @abstractmethod
    def _doubt(self, unchanged: list[Command]) -> None:
        """These commands changed nothing, as far as the replies say. Raises StoreError where that is not all."""

    @abstractmethod
    def _value_of(self, key: bytes) -> list[bytes]:
        """The value of this key; none where there is no such item."""

    def _in_order(self, items: Iterable[tuple[bytes, bytes]]) -> Iterator[StoredJob]:
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
                self._prefix[:-1].decode(),
                foreign[0].decode("utf-8", "backslashreplace"),
            )
        found.sort(key=lambda one: one[0])
        if found:
            self._last = max(self._last, found[-1][0])
        return iter([job for _, job in found])

    @property
    def _max_payload(self) -> int | None:
        return None if self._longest_value is None else max(0, self._longest_value - BESIDE_PAYLOAD)

    def _adding(self, key: bytes, job: StoredJob) -> Command:
        # The clock only gives the first number; replay lifts it above all that are kept, whatever the clock says.
        self._last = max(self._last + 1, time.time_ns())
        value = value_of(job, self._last)
        if self._max_payload is not None and len(job.payload) > self._max_payload:
            raise StoreError(f"payload of {len(job.payload)} bytes; {self._limit} allows {self._max_payload} at most")
        if self._longest_value is not None and len(value) > self._longest_value:
            raise StoreError(
                f"names of {len(value) - len(job.payload)} bytes leave no room for the payload: "
                f"{self._limit} allows {self._longest_value} for both"
            )
        return b"add", key, value

    def _updating(self, key: bytes, operation: Update) -> Iterator[tuple[bytes, Command]]:
        for value in self._value_of(key):
            placed = job_of(value)
            if placed is not None:
                yield key, (b"replace", key, value_of(placed[1], placed[0], operation.attempts))

    def _run(self, commands: dict[bytes, Command]) -> None:
        self._before_writing()
        for part in self._connection.pipeline(list(commands.values())):
            unchanged: list[Command] = []
            for command, reply in part:
                if reply not in _DONE:
                    self._connection.close()  # whatever it has against the command, no reply to it may come later
                    raise StoreError(f"memcached refuses a job: {reply.decode('utf-8', 'backslashreplace')}")
                if reply.startswith(b"NOT_"):
                    unchanged.append(command)
            if unchanged:
                self._doubt(unchanged)

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreError("the store is not open")
