"""A stored job as a line of JSON, and back. It knows no file and no store.

Rules of this file:
1. A job is one object: `handle`, `function`, `payload`, `unique_key`, `priority` (high, normal, low), `due` (seconds
   since 1970; 0: at once), `attempts`, `reducer`, and `traceparent` where it has one. The order of the lines is the
   order of submission.
2. What is bytes is a string where it is UTF-8. Where it is not, its name ends in `_base64` and so it is written.
3. Read: what is missing, apart from handle and function, is as a plain submit has it. What is not known is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from gearbridge.errors import ConfigurationError
from gearbridge.records import MAX_DUE, MAX_FUNCTION, MAX_HANDLE, MAX_UNIQUE_KEY, PRIORITIES, StoredJob
from gearbridge.traceparent import split_trace, to_traceparent, with_trace

_BASE64 = "_base64"
_NUMBERS = {"due": MAX_DUE, "attempts": 2**31 - 1}
_OCTETS = {"handle": MAX_HANDLE, "function": MAX_FUNCTION, "unique_key": MAX_UNIQUE_KEY, "reducer": MAX_FUNCTION}
_PLAIN = {"priority", "traceparent", *_NUMBERS}
_KNOWN = {*_OCTETS, *(name + _BASE64 for name in _OCTETS), "payload", "payload" + _BASE64, *_PLAIN}


def line_of(job: StoredJob) -> bytes:
    """The job as a line, with its newline."""
    fields: dict[str, object] = {}
    for name, octets in (("handle", job.handle), ("function", job.function), ("unique_key", job.unique_key)):
        _set(fields, name, octets)
    fields["priority"] = PRIORITIES[job.priority]
    fields["due"] = job.due
    fields["attempts"] = job.attempts
    reducer, traceparent = split_trace(job.reducer)
    _set(fields, "reducer", reducer)
    if traceparent:
        fields["traceparent"] = traceparent.decode()
    _set(fields, "payload", job.payload)
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def job_of(line: bytes) -> StoredJob:
    """Read the job of a line. Raises ConfigurationError with what is wrong with it."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError is also text that is not UTF-8
        raise ConfigurationError(f"it is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ConfigurationError("it is not a JSON object")
    unknown = fields.keys() - _KNOWN
    if unknown:
        raise ConfigurationError(f"unknown field {min(unknown)!r}")
    names = {name: _octets(fields, name) for name in _OCTETS}
    for name, octets in names.items():
        if len(octets) > _OCTETS[name]:
            raise ConfigurationError(f"{name} is longer than {_OCTETS[name]} bytes")
        if b"\0" in octets:
            raise ConfigurationError(f"{name} has a NUL in it, which ends a name in Gearman's protocol")
    if not names["function"]:
        raise ConfigurationError("a job needs a function")
    if not names["handle"] or not all(0x21 <= octet <= 0x7E for octet in names["handle"]):
        raise ConfigurationError("a job needs a handle, of ASCII without spaces")
    priority = fields.get("priority", "normal")
    if not isinstance(priority, str) or priority not in PRIORITIES:
        raise ConfigurationError(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}")
    try:
        traceparent = to_traceparent(fields.get("traceparent"))
    except (ValueError, AttributeError):
        raise ConfigurationError(f"{fields['traceparent']!r} is no traceparent") from None
    due, attempts = (_number(fields, name) for name in _NUMBERS)
    return StoredJob(
        names["handle"],
        names["function"],
        _octets(fields, "payload"),
        names["unique_key"],
        PRIORITIES.index(priority),
        due,
        attempts,
        with_trace(names["reducer"], traceparent),
    )


def _set(fields: dict[str, object], name: str, octets: bytes) -> None:
    try:
        fields[name] = octets.decode()
    except UnicodeDecodeError:
        fields[name + _BASE64] = base64.b64encode(octets).decode()


def _octets(fields: dict[str, Any], name: str) -> bytes:
    plain, coded = fields.get(name), fields.get(name + _BASE64)
    if plain is not None and coded is not None:
        raise ConfigurationError(f"{name} is given twice, also as {name}{_BASE64}")
    value = coded if plain is None else plain
    if value is None:
        return b""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {value!r}")
    try:
        return value.encode() if coded is None else base64.b64decode(value, validate=True)
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} has half of a surrogate pair in it") from None
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"{name}{_BASE64} is not base64: {error}") from None


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name, 0)
    if type(value) is not int or not 0 <= value <= _NUMBERS[name]:  # True is an int too, and is no number here
        raise ConfigurationError(f"{name} must be a number from 0 to {_NUMBERS[name]}, not {value!r}")
    return value
