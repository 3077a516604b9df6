"""Statements with large values. PyMySQL would make text of them first, several times over, of two bytes a character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bytes of a value from which on that takes longer than what is done here, and memory that counts.
LARGE = 1 << 16


def has_large(values: Sequence[object]) -> bool:
    """Return whether one of the values is large."""
    return any(isinstance(value, bytes) and len(value) >= LARGE for value in values)


def with_values(raw: Any, statement: str, values: Sequence[object]) -> bytes:
    """Return the statement with its values written into it, for a session in which a backslash escapes."""
    first, *others = statement.encode().split(b"%s")
    parts = [first]
    for value, words in zip(values, others, strict=True):
        if isinstance(value, bytes):
            # Of all that PyMySQL escapes these are what MySQL's parser needs.
            parts += (b"_binary'", value.replace(b"\\", b"\\\\").replace(b"'", b"\\'"), b"'")
        else:
            parts.append(raw.escape(value, raw.encoders).encode("utf-8", "surrogateescape"))
        parts.append(words)
    return b"".join(parts)
