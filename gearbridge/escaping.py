"""Text from other programs, made harmless for a terminal: names, errors, warnings, log lines, results.

A terminal obeys control characters (ESC and C1 begin commands), and bidirectional controls and line separators make a
line look like another one. They are written as escapes instead, as Python's repr does.
"""

from __future__ import annotations

import unicodedata

#: What text of several lines keeps: its lines, and its tabulators.
LINES = "\n\t"


def escaped(text: str, keep: str = "") -> str:
    """The text with every character that is neither printable nor a space as an escape; those in `keep` stay.

    Bytes that were no UTF-8, which Python has as surrogates, become \\xNN.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else _escape(character) for character in text
    )


def _escape(character: str) -> str:
    if unicodedata.category(character) == "Zs":  # a space of another width
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
