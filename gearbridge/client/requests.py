"""What a call asks for, made ready for the wire, and what an admin command is answered with. It knows no connection.

Everything here is checked before anything is sent: what the protocol cannot carry raises ValueError.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from ..errors import ServerError
from ..records import Priority
from ..wire import commands as c
from .session import submission, text

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_octets(payload: bytes | str) -> bytes:
    """Return a payload as it travels; text is UTF-8."""
    return payload.encode() if isinstance(payload, str) else payload


def to_name(function: str | bytes) -> bytes:
    """Return a function's name as it travels. Raises ValueError for an empty one, or one with NUL."""
    octets = to_octets(function)
    if not octets or b"\0" in octets:
        raise ValueError("a function name cannot be empty" if not octets else "a function name cannot contain NUL")
    return octets


def to_key(key: str | bytes | None, what: str = "unique key") -> bytes:
    """Return a unique key or handle as it travels; none is empty. Raises ValueError for one with NUL."""
    if key is None:
        return b""
    octets = key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key
    if b"\0" in octets:
        raise ValueError(f"a {what} cannot contain NUL")
    return octets


def foreground(
    function: str | bytes, payload: bytes | str, unique_key: str | bytes | None, priority: int
) -> tuple[int, tuple[bytes, ...]]:
    """Return the command and arguments that submit a foreground job."""
    return submission(priority, True), (to_name(function), to_key(unique_key), to_octets(payload))


def background(
    function: str | bytes,
    payload: bytes | str,
    unique_key: str | bytes | None,
    priority: int,
    run_at: float | None,
) -> tuple[int, tuple[bytes, ...]]:
    """Return the command and arguments that submit a background job, due at `run_at` seconds since 1970 or at once."""
    name, key, octets = to_name(function), to_key(unique_key), to_octets(payload)
    if run_at is None:
        return submission(priority, False), (name, key, octets)
    return c.SUBMIT_JOB_EPOCH, (name, key, _epoch(run_at, priority), octets)


def admin_line(command: str) -> bytes:
    """Return an admin command as one line without its end."""
    line = command.strip(" \r\n").encode("utf-8", "surrogateescape")
    if not line or any(octet in b"\0\r\n" for octet in line):  # a tabulator is part of a word
        raise ValueError(f"an admin command is one line of text, not {command!r}")
    return line


def admin_answer(lines: Sequence[bytes]) -> list[str]:
    """Return the lines of an admin command's answer. Raises ServerError where it begins with ERR."""
    answer = [text(line) for line in lines]
    if len(answer) == 1 and answer[0].startswith("ERR ") and "\t" not in answer[0]:  # in a longer one it is a key
        code, _, explanation = answer[0][4:].partition(" ")
        if not code.isupper():  # some of gearmand's have no code
            code, explanation = "ERR", answer[0][4:]
        raise ServerError(code, unquote_plus(explanation) or code)
    return answer


def _epoch(run_at: float, priority: int) -> bytes:
    if priority != Priority.NORMAL:
        raise ValueError("a job with run_at has normal priority: Gearman's protocol has no other")
    if not 0 <= run_at < 2**63:
        raise ValueError(f"run_at is in seconds since 1970, not {run_at!r}")
    return b"%d" % math.ceil(run_at)  # never before the time
