"""gearmand's queue in Redis: a hash PREFIX-FUNCTION-UNIQUE with data and priority; no due times, and no order.

gearmand 2.0 also writes function and unique into the hash; 1.1.20 leaves them to be guessed from the key.
"""

from __future__ import annotations

import re
import socket
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from .gearmand import Queued, servers_of, split_keys, unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_PREFIX = "_gear_"
#: Keys asked for at a time, and seconds for an answer.
_KEYS = 100
_TIMEOUT = 10.0


def read(url: str, functions: Collection[bytes]) -> Iterator[Queued]:
    """The jobs in the server. Raises ConfigurationError where it cannot be read, or a key is not clear."""
    parts, servers = servers_of(url, 6379)
    prefix = (parts.path.removeprefix("/") or _PREFIX).encode() + b"-"
    try:
        with socket.create_connection(servers[0], _TIMEOUT) as connection, connection.makefile("rb") as answers:
            if parts.password:
                connection.sendall(_command(b"AUTH", unquote(parts.password).encode()))
                _answer(answers)
            keys = _keys(connection, answers, prefix)
            jobs = {}
            for start in range(0, len(keys), _KEYS):
                asked = keys[start : start + _KEYS]
                connection.sendall(b"".join(_command(b"HGETALL", key) for key in asked))
                for key in asked:
                    fields = _answer(answers)
                    jobs[key.removeprefix(prefix)] = dict(zip(fields[::2], fields[1::2], strict=True))
    except (OSError, EOFError, ValueError) as error:
        raise unreadable(url, error) from error
    names = split_keys((key for key, fields in jobs.items() if b"function" not in fields), functions)
    for key, fields in jobs.items():
        function, unique_key = names.get(key) or (fields[b"function"], fields.get(b"unique", b""))
        priority = fields.get(b"priority", b"")
        yield Queued(function, unique_key, int(priority) if priority.isdigit() else None, fields.get(b"data"), None)


def _keys(connection: socket.socket, answers: IO[bytes], prefix: bytes) -> list[bytes]:
    pattern = re.sub(rb"([*?\[\]\\^])", rb"\\\1", prefix) + b"*"
    cursor = b"0"
    found: set[bytes] = set()
    while True:
        connection.sendall(_command(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"1000"))
        cursor, some = _answer(answers)
        found.update(some)  # SCAN may return a key twice
        if cursor == b"0":
            return sorted(found)


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _answer(answers: IO[bytes]) -> Any:
    """One answer of Redis's protocol. Raises EOFError for an error, in Redis's words."""
    line = answers.readline()
    kind, rest = line[:1], line[1:].strip()
    if kind == b"$":
        size = int(rest)
        return answers.read(size + 2)[:size] if size >= 0 else None
    if kind == b"*":
        return [_answer(answers) for _ in range(int(rest))]
    if kind in {b"+", b":"}:
        return rest
    raise EOFError(rest.decode("utf-8", "backslashreplace") or "the server closed the connection")
