"""`memcached://host:port/prefix`: jobs outlive this server in a memcached's memory. It knows no server and no queue.

Rules of this file:
1. What `apply` returned for is in memcached: it survives kill -9 of this server. It does not survive memcached's own
   end, and memcached without -M throws away what is old when its memory is full. Both are said in the log at open, and
   an end of memcached once it is back.
2. A Put is an `add`: what is there already stays, so a group may be applied again.
3. memcached has no lock that ends with its holder: nobody sees to it that two servers do not share a prefix.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.records import Drop, Put, StoredJob, Update

from .base import Abilities
from .memcached_connection import MemcachedConnection
from .memcached_values import job_of, key_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.records import Operation

_log = logging.getLogger(__name__)

#: What of an item is not its payload: memcached's header, our key and names.
_BESIDE_PAYLOAD = 4096
_PREFIX = re.compile(r"[!-9;-~]{1,60}")


class MemcachedStore:
    """Jobs in one memcached, one item each. Groups are pipelined; a group is not all or nothing."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a URL that is not memcached://HOST[:PORT][/PREFIX]."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 11211
        except ValueError as error:
            raise ConfigurationError(f"{url!r} is not a store URL: {error}") from error
        prefix = unquote(parts.path.strip("/")) or "gearbridge"
        if not host or parts.query or parts.fragment or parts.username is not None:
            raise ConfigurationError(f"{url!r} is not a store URL: it must be memcached://HOST:PORT/PREFIX")
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                f"{url!r}: the prefix must be 1 to 60 printable ASCII characters, no space, no colon"
            )
        self._connection = MemcachedConnection(host, port)
        self._prefix = prefix.encode() + b":"
        self._shown = f"memcached://{host}:{port}/{prefix}"
        self._is_open = False
        self._process = ""  # memcached's process id: another one has none of our jobs
        self._last = 0
        self._longest: int | None = None

    @property
    def abilities(self) -> Abilities:
        """Durable as far as memcached lives; `max_payload` is known once it is open, from memcached's -I."""
        return Abilities(durable=True, transactional=False, max_payload=self._longest, exclusive=False)

    def open(self) -> None:
        """Connect, and say what this memcached does not promise."""
        try:
            settings = self._connection.stats(b"settings")
            self._process = self._connection.stats()["pid"]
            self._longest = max(int(settings["item_size_max"]) - _BESIDE_PAYLOAD, 0)
        except (StoreError, KeyError) as error:
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: {error}") from error
        if "no" in (settings.get("dump_enabled"), settings.get("lru_crawler")):
            self.close()
            raise ConfigurationError(f"cannot open the store {self._shown}: memcached must list its keys, without -X")
        _log.warning(
            "jobs in memcached survive the end of this server, not memcached's own; payloads up to %d bytes (its -I)%s",
            self._longest,
            "" if settings.get("evictions") == "off" else "; when its memory is full it forgets jobs: start it with -M",
        )
        self._is_open = True

    def replay(self) -> Iterator[StoredJob]:
        """The jobs kept from before, in order of submission. All are read before the first."""
        self._check_open()
        found = [job_of(value) for _, value in self._connection.values(self._connection.keys(self._prefix))]
        found.sort(key=lambda one: one[0])
        if found:
            self._last = max(self._last, found[-1][0])
        return iter([job for _, job in found])

    def apply(self, group: Sequence[Operation]) -> None:
        """Do the operations in order. Where one is refused, StoreError; those beside it may have been done."""
        self._check_open()
        commands: list[bytes] = []
        for operation in group:
            if isinstance(operation, Put):
                commands.append(self._add(operation.job))
            elif isinstance(operation, Drop):
                commands.append(b"delete %b\r\n" % key_of(self._prefix, operation.handle))
            elif isinstance(operation, Update):
                self._run(commands)
                commands = self._updating(operation)
            else:
                raise StoreError(f"memcached keeps no claimed jobs: {operation!r}")
        self._run(commands)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
        self._is_open = False

    def _add(self, job: StoredJob) -> bytes:
        # The clock only gives the first number; replay lifts it above all that are kept, whatever the clock says.
        self._last = max(self._last + 1, time.time_ns())
        value = value_of(job, self._last)
        if self._longest is not None and len(job.payload) > self._longest:
            raise StoreError(
                f"payload of {len(job.payload)} bytes; this memcached (its -I) keeps {self._longest} at most"
            )
        return b"add %b 0 0 %d\r\n%b\r\n" % (key_of(self._prefix, job.handle), len(value), value)

    def _updating(self, operation: Update) -> list[bytes]:
        key = key_of(self._prefix, operation.handle)
        for _, value in self._connection.values([key]):
            place, job = job_of(value)
            changed = value_of(job, place, operation.attempts)
            return [b"replace %b 0 0 %d\r\n%b\r\n" % (key, len(changed), changed)]
        return []

    def _run(self, commands: list[bytes]) -> None:
        if not self._connection.is_connected:
            self._note_restart()
        for reply in self._connection.pipeline(commands):
            if reply not in _DONE:
                self._connection.close()  # whatever it has against the command, no reply to it may come later
                raise StoreError(f"memcached refuses a job: {reply.decode('utf-8', 'backslashreplace')}")

    def _note_restart(self) -> None:
        process = self._connection.stats().get("pid", "")
        if process != self._process:
            self._process = process
            _log.error("memcached was started anew, without its jobs: those queued now end with this server")

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreError("the store is not open")


_DONE = {b"STORED", b"NOT_STORED", b"DELETED", b"NOT_FOUND"}
