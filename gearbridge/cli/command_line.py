"""The command line as other users of the machine see it, in `ps` and /proc: without passwords.

On Linux a process may write over its own arguments. They were readable until then: the environment is the better place.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

#: Options whose value is a secret, where it is a word of its own.
_SECRET = frozenset({b"--http-token", b"--mysql-password", b"--redis-password"})
#: What of a word is hidden: from the first colon of a URL's login to its last @, all options of a URL, and a password.
_PARTS = (
    re.compile(rb"://[^:/@]*:(.*)@", re.DOTALL),
    re.compile(rb"://[^?]*\?(.*)", re.DOTALL),
    re.compile(rb"(?:passw(?:or)?d|token)\s*=\s*(.*)", re.DOTALL),
)


def hidden_parts(words: list[bytes]) -> list[tuple[int, int, int]]:
    """Return the places of possible secrets: word, first byte, and the byte behind the last."""
    found = []
    for number, word in enumerate(words):
        if number and words[number - 1] in _SECRET:
            found.append((number, 0, len(word)))
        found += [(number, *match.span(1)) for part in _PARTS if (match := part.search(word)) is not None]
    return found


def hide_secrets() -> None:
    """Write asterisks over what may be secret in this process's arguments, where the system lets it."""
    with contextlib.suppress(OSError, ValueError, IndexError, ImportError):
        line = Path("/proc/self/cmdline").read_bytes()
        words = line.split(b"\0")
        parts = hidden_parts(words)
        if not parts:
            return
        # Fields 48 and 49, counted behind the program's name, which may have spaces and brackets.
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
        if end - begin != len(line):
            return
        import ctypes  # noqa: PLC0415  for those alone who gave a secret so

        for number, first, last in parts:
            start = begin + sum(len(word) + 1 for word in words[:number])
            ctypes.memset(start + first, ord("*"), last - first)
