"""Names in Gearman are bytes. Here is the one way that they are written as text, and read back."""

from __future__ import annotations


def shown(name: bytes) -> str:
    """Decode as UTF-8; bytes that are none as \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def octets(text: str) -> bytes:
    """Encode a name from a URL or JSON as UTF-8; a lone surrogate, as URLs with other bytes become, is that byte."""
    return text.encode("utf-8", "surrogateescape")
