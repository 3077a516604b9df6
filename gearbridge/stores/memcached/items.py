"""Jobs as items behind memcached's protocol, one item each: the common part of all stores that speak it.

Rules of this file:
1. A Put is an `add`: what is there already stays, so a group may be applied again. Where that is another job's, the
   Put has failed.
2. Groups are pipelined. The commands of one run are on different keys, so that the key alone identifies an answer; an
   operation on a key that has its command already begins the next run.
3. A group is not all or nothing: where one command is refused, those beside it may have been done.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.records import Drop, Put, Retry, Update

from ..database.errors import TAKEN
from ..database.redaction import redacted
from .item_values import ItemValues, due_again
from .values import is_same_job, job_of, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gearbridge.records import Operation

    from ..interface import Traits
    from .connection import Command

_PREFIX = re.compile(r"[!-9;-~]{1,60}")
_DONE = {b"STORED", b"NOT_STORED", b"DELETED", b"NOT_FOUND"}


class ItemPlace(NamedTuple):
    """The place of items: a server, and the prefix of their keys."""

    host: str
    port: int
    prefix: str


def place_of(url: str, form: str) -> ItemPlace:
    """Return the place that SCHEME://HOST[:PORT][/PREFIX] names. Raises ConfigurationError with `form` for others."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 11211
    except ValueError:  # its text quotes what it takes for a port
        raise ConfigurationError(f"{redacted(url)!r} is not a store URL: it must be {form}") from None
    if not host or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(f"{redacted(url)!r} is not a store URL: it must be {form}")
    return ItemPlace(host, port, checked_prefix(unquote(parts.path.strip("/")), url))


def checked_prefix(prefix: str, url: str) -> str:
    """Return the prefix of a store's URL, or the default where it is empty. Raises ConfigurationError."""
    prefix = prefix or "gearbridge"
    if not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"{redacted(url)!r}: the prefix must be 1 to 60 printable ASCII characters, no space, no colon"
        )
    return prefix


def places_of(url: str) -> list[ItemPlace]:
    """The places that memcached://HOST[:PORT][,HOST...][/PREFIX] names. Raises ConfigurationError for any other URL."""
    scheme, slashes, rest = url.partition("://")
    servers, slash, prefix = rest.partition("/")
    form = "memcached://HOST:PORT[,HOST:PORT...]/PREFIX"
    return [place_of(f"{scheme}{slashes}{server}{slash}{prefix}", form) for server in servers.split(",")]


class ItemConnection(Protocol):
    """The part of a connection that a store of items uses."""

    @property
    def is_connected(self) -> bool:
        """Return whether the next command needs no new connection, as far as is known."""

    def close(self) -> None:
        """Disconnect; harmless when not connected."""

    def pipeline(self, commands: Sequence[Command]) -> Iterator[list[tuple[Command, bytes]]]:
        """Send the commands, in order; some at a time with the reply line of each, without its end."""


class ItemStore(ABC):
    """Jobs as items. A subclass opens and lists them, and reads the replies."""

    def __init__(self, connection: ItemConnection, prefix: str, limit: str) -> None:
        """`limit` is which one it is that a job exceeds, for messages."""
        self._connection = connection
        self._prefix = prefix.encode() + b":"
        self._is_open = False
        self._values = ItemValues(self._prefix, prefix, limit)

    @property
    @abstractmethod
    def traits(self) -> Traits:
        """The promises of this store."""

    def apply(self, group: Sequence[Operation]) -> None:
        """Do the operations in order. Where one is refused, StoreError; those beside it may have been done."""
        self._check_open()
        commands: dict[bytes, Command] = {}
        for operation in group:
            key = key_of(self._prefix, operation.job.handle if isinstance(operation, Put) else operation.handle)
            if key in commands or isinstance(operation, (Update, Retry)):
                self._run(commands)
                commands = {}
            if isinstance(operation, Put):
                commands[key] = (b"add", key, self._values.value_of(operation.job))
            elif isinstance(operation, Drop):
                commands[key] = (b"delete", key, None)
            elif isinstance(operation, (Update, Retry)):
                commands.update(self._updating(key, operation))
            else:
                raise StoreError(f"a job that SQL enqueued cannot be stored here: {operation!r}")
        self._run(commands)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
        self._is_open = False

    @abstractmethod
    def _before_writing(self) -> None:
        """See to it that what will be written goes where it should; called before every run."""

    def _demand_ours(self, added: Iterable[Command]) -> None:
        """Raise StoreError where an item that was to be added is there, and is another job's."""
        for _, key, value in added:
            for there in self._value_of(key):
                if value is not None and not is_same_job(there, value):
                    raise StoreError(TAKEN)

    @abstractmethod
    def _doubt(self, unchanged: list[Command]) -> None:
        """Check commands that, by their replies, changed nothing. Raises StoreError where that is not all."""

    @abstractmethod
    def _value_of(self, key: bytes) -> list[bytes]:
        """The value of this key; none where there is no such item."""

    def _updating(self, key: bytes, operation: Update | Retry) -> Iterator[tuple[bytes, Command]]:
        for value in self._value_of(key):
            placed = job_of(value)
            if placed is not None:
                place, job = placed
                if isinstance(operation, Retry):
                    job.due = due_again(operation)
                yield key, (b"replace", key, value_of(job, place, operation.attempts))

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
