"""One connection to memcached, in its classic protocol, with pipelined groups. It knows no jobs.

Rules of this file:
1. A reply belongs to the command at the same place in the pipeline: after any failure the connection is closed, so
   that no reply is ever taken for another one's.
2. Only so many commands are sent before their replies are read that the replies fit into any socket buffer, and only
   so many bytes that the time for an answer is none for a flood of data.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from gearbridge.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    #: Verb, key, and the value to write, for verbs that write one.
    Command = tuple[bytes, bytes, bytes | None]

_log = logging.getLogger(__name__)

#: Commands and bytes sent before replies are read; keys asked for at a time; seconds for an answer.
_COMMANDS = 256
_BYTES = 1 << 20
_KEYS = 100
_TIMEOUT = 10.0
#: Seconds for which a memcached is asked again that is busy, and between two questions: at first, and at most.
_BUSY_PATIENCE = 30.0
_BUSY_PAUSE = 0.02
_BUSY_LONGEST_PAUSE = 0.5
_LISTED = re.compile(rb"key=(\S+) ")
_VALUE = re.compile(rb"VALUE (\S+) \d+ (\d+)\r\n")


class MemcachedConnection:
    """Connects when it is first needed, and again after a failure. Raises StoreUnavailable where it cannot."""

    def __init__(self, host: str, port: int, commands: int = _COMMANDS) -> None:
        """`commands` is how many are sent before their replies are read."""
        self._place = (host, port)
        self._commands = commands
        self._socket: socket.socket | None = None
        self._answers: IO[bytes] | None = None

    @property
    def is_connected(self) -> bool:
        """Return whether the next command needs no new connection, as far as is known."""
        return self._socket is not None

    def close(self) -> None:
        """Disconnect; harmless when not connected."""
        for one in (self._answers, self._socket):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.close()
        self._socket = self._answers = None

    def pipeline(self, commands: Sequence[Command]) -> Iterator[list[tuple[Command, bytes]]]:
        """Send the commands, in order; some at a time with the reply line of each, without its end."""
        part: list[Command] = []
        request: list[bytes] = []
        size = 0
        for index, command in enumerate(commands):
            part.append(command)
            request.append(_request(command))
            size += len(request[-1])
            if len(part) == self._commands or size >= _BYTES or index == len(commands) - 1:
                with self._talking(b"".join(request)):
                    replies = [(one, self._line()) for one in part]
                yield replies
                part, request, size = [], [], 0

    def values(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of those that are there. Read to the end before the next command."""
        for start in range(0, len(keys), _KEYS):
            found: list[tuple[bytes, bytes]] = []
            with self._talking(b"get %b\r\n" % b" ".join(keys[start : start + _KEYS])):
                while (line := self._line()) != b"END":
                    head = _VALUE.fullmatch(line + b"\r\n")
                    if not head:
                        raise StoreError(f"memcached refuses a read: {_text(line)}")
                    found.append((head[1], self._data(int(head[2]))))
            yield from found

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys that begin so, in no order. Raises StoreError where memcached cannot list them (before 1.6).

        It makes one list at a time, and none while it looks for what has expired: it is asked again for half a minute,
        then StoreUnavailable.
        """
        end = time.monotonic() + _BUSY_PATIENCE
        pause = _BUSY_PAUSE
        while (found := self._listed(prefix)) is None:
            if time.monotonic() >= end:
                raise StoreUnavailable(
                    f"memcached at {self._place[0]}:{self._place[1]} is busy with another listing of its keys, and has "
                    f"been for {_BUSY_PATIENCE:g} s: find the other client that runs "
                    "`lru_crawler metadump`, and try again"
                )
            if pause == _BUSY_PAUSE:
                _log.info("memcached is busy with another listing of its keys; retrying")
            time.sleep(pause)
            pause = min(2 * pause, _BUSY_LONGEST_PAUSE)
        return found

    def _listed(self, prefix: bytes) -> list[bytes] | None:
        """The keys; None where memcached is busy."""
        found: list[bytes] = []
        # A walk over the hash table: one over the lists can miss what memcached moves between them meanwhile.
        with self._talking(b"lru_crawler metadump hash\r\n"):
            line = self._line(b"\n")  # unlike all other lines, those with keys have no \r
            if line == b"OK\r":  # newer ones answer OK first
                line = self._line(b"\n")
            while line != b"END\r":
                listed = _LISTED.match(line)
                if line.startswith(b"BUSY"):
                    return None
                if not listed:
                    raise StoreError(f"memcached does not list its keys: {_text(line)}")
                key = unquote_to_bytes(listed[1])
                if key.startswith(prefix):
                    found.append(key)
                line = self._line(b"\n")
        return found

    def stats(self, of: bytes = b"") -> dict[str, str]:
        """Return the answer to `stats`."""
        found: dict[str, str] = {}
        with self._talking(b"stats %b\r\n" % of if of else b"stats\r\n"):
            while (line := self._line()) != b"END":
                words = line.decode("utf-8", "replace").split(" ", 2)
                if words[0] != "STAT" or len(words) < 3:
                    raise StoreError(f"memcached refuses to list its settings: {_text(line)}")
                found[words[1]] = words[2]
        return found

    @contextlib.contextmanager
    def _talking(self, request: bytes) -> Iterator[None]:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._place, _TIMEOUT)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._answers = self._socket.makefile("rb")
            self._socket.sendall(request)
            yield
        except (OSError, EOFError) as error:
            self.close()
            raise StoreUnavailable(f"memcached at {self._place[0]}:{self._place[1]}: {error}") from error
        except BaseException:
            self.close()
            raise

    def _line(self, end: bytes = b"\r\n") -> bytes:
        assert self._answers is not None
        line = self._answers.readline()
        if not line.endswith(end):
            raise EOFError("it closed the connection")
        return line[: -len(end)]

    def _data(self, size: int) -> bytes:
        assert self._answers is not None
        data = self._answers.read(size + 2)
        if len(data) != size + 2:
            raise EOFError("it closed the connection")
        return data[:-2]


def _request(command: Command) -> bytes:
    verb, key, value = command
    return b"%b %b\r\n" % (verb, key) if value is None else b"%b %b 0 0 %d\r\n%b\r\n" % (verb, key, len(value), value)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").strip()
