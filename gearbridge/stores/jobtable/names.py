r"""Function names and unique keys as text columns, without losing a byte.

Gearman's names are bytes; a text column is readable in SQL but takes neither NUL nor bytes that are not UTF-8. Names
that are plain UTF-8 are kept as they are; in others the bytes that do not fit are written `\xNN`, and a backslash that
was there is doubled. A name with a backslash is always written so, hence `to_text` is reversible.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


def to_text(name: bytes) -> str:
    """The name as text that any database takes."""
    if b"\\" not in name and b"\0" not in name:
        try:
            return name.decode()
        except UnicodeDecodeError:
            pass
    text = name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return text.replace("\0", "\\x00")


def from_text(text: str) -> bytes:
    """The name that `to_text` was given."""
    name = text.encode("utf-8", "surrogateescape")  # an SQL_ASCII database may hold any bytes
    if b"\\" not in name:
        return name
    parts: list[bytes] = []
    position = 0
    for escape in _ESCAPED.finditer(text):
        parts.append(text[position : escape.start()].encode("utf-8", "surrogateescape"))
        code = escape.group(1)
        parts.append(b"\\" if code == "\\" else bytes((int(code[1:], 16),)))
        position = escape.end()
    parts.append(text[position:].encode("utf-8", "surrogateescape"))
    return b"".join(parts)
