"""A job's trace context: the form of a traceparent (W3C Trace Context), and where it is kept.

Gearman's packets have no room for it. It travels in OPTION_REQ and OPTION_RES (`wire.commands.OPTION_TRACE`), and is
kept with the reducer, behind a NUL, which no reducer has: the wire parts arguments by it. See docs/adr/0012.

This file runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

import re

_FORM = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def is_traceparent(octets: bytes) -> bool:
    """Return whether it has the form of a traceparent of version 00, the only one there is."""
    return _FORM.fullmatch(octets) is not None


def to_traceparent(traceparent: str | None) -> bytes:
    """Return a traceparent as it travels; none is empty. Raises ValueError for what is none."""
    if not traceparent:
        return b""
    octets = traceparent.encode("utf-8", "backslashreplace")
    if not is_traceparent(octets):
        form = "00-TRACE-PARENT-FLAGS, of 32, 16 and 2 hexadecimal digits in lower case, TRACE and PARENT not all 0"
        raise ValueError(f"{traceparent!r} is no traceparent, which is {form}")
    return octets


def with_trace(reducer: bytes, traceparent: bytes) -> bytes:
    """Return the stored form of a job's reducer and traceparent; either may be empty."""
    return b"%b\0%b" % (reducer, traceparent) if traceparent else reducer


def split_trace(kept: bytes) -> tuple[bytes, bytes]:
    """Reducer and traceparent of what is kept as the reducer."""
    reducer, _, traceparent = kept.partition(b"\0")
    return reducer, traceparent
