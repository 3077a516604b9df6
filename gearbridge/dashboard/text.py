"""Names in Gearman are bytes. Here is the one way that they are written as text, and read back."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def shown(name: bytes) -> str:
    """Decode as UTF-8; bytes that are none as \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def octets(text: str) -> bytes:
    """Encode a name from a URL or JSON as UTF-8; a lone surrogate, as URLs with other bytes become, is that byte."""
    return text.encode("utf-8", "surrogateescape")


def payload_in(fields: Mapping[str, Any]) -> bytes:
    """Return the payload in a JSON object: `payload_base64`, or else `payload`, a text.

    Raises KeyError where it has neither, ValueError, TypeError or AttributeError for a wrong one.
    """
    if "payload_base64" in fields:
        return base64.b64decode(fields["payload_base64"], validate=True)
    return octets(fields["payload"])
