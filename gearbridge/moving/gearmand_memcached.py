"""gearmand's queue in memcached: key PREFIX FUNCTION-UNIQUE, flags the priority, value the payload; no due times.

memcached lists its keys by `lru_crawler metadump`, with the number that each got when it was set: the order.
"""

from __future__ import annotations

import re
import socket
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from .gearmand import Queued, servers_of, split_keys, unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_PREFIX = "gear_"
#: Keys asked for at a time, and seconds for an answer.
_KEYS = 100
_TIMEOUT = 10.0
_LISTED = re.compile(rb"key=(\S+) .*\bcas=(\d+)")
_VALUE = re.compile(rb"VALUE (\S+) (\d+) (\d+)\r\n")


def read(url: str, functions: Collection[bytes]) -> Iterator[Queued]:
    """The jobs in all servers. Raises ConfigurationError where one cannot be read, or a key is not clear."""
    parts, servers = servers_of(url, 11211)
    prefix = (parts.path.removeprefix("/") or _PREFIX).encode()
    for host, port in servers:
        try:
            with socket.create_connection((host, port), _TIMEOUT) as connection, connection.makefile("rb") as answers:
                keys = _listed(connection, answers, prefix)
                names = split_keys((key.removeprefix(prefix) for key in keys), functions)
                for start in range(0, len(keys), _KEYS):
                    asked = keys[start : start + _KEYS]
                    connection.sendall(b"get %b\r\n" % b" ".join(asked))
                    found = dict(_values(answers))
                    for key in asked:
                        if key not in found:
                            raise unreadable(url, f"key {key!r} went away; is gearmand still running?")
                        function, unique_key = names[key.removeprefix(prefix)]
                        flags, payload = found[key]
                        yield Queued(function, unique_key, flags, payload, None)
        except (OSError, EOFError) as error:
            raise unreadable(url, f"{host}:{port}: {error}") from error


def _listed(connection: socket.socket, answers: IO[bytes], prefix: bytes) -> list[bytes]:
    """The queue's keys, in the order in which they were set."""
    connection.sendall(b"lru_crawler metadump all\r\n")
    found: list[tuple[int, bytes]] = []
    line = answers.readline()
    if line == b"OK\r\n":  # newer ones answer OK first
        line = answers.readline()
    while line != b"END\r\n":
        listed = _LISTED.match(line)
        if not listed:
            raise EOFError(f"it refuses to list its keys: {line.strip().decode('utf-8', 'backslashreplace')}")
        key = unquote_to_bytes(listed[1])
        if key.startswith(prefix):
            found.append((int(listed[2]), key))
        line = answers.readline()
    return [key for _, key in sorted(found)]


def _values(answers: IO[bytes]) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
    while (line := answers.readline()) != b"END\r\n":
        head = _VALUE.fullmatch(line)
        if not head:
            raise EOFError(f"unexpected answer: {line!r}")
        size = int(head[3])
        yield head[1], (int(head[2]), answers.read(size + 2)[:size])
