"""Encoding packets: `request(command, *args)` for clients and workers, `response(command, *args)` for servers."""

from __future__ import annotations

from struct import Struct

from . import commands

HEADER_SIZE = 12
HEADER = Struct("!III")  # magic, command number, size of what follows

REQUEST_MAGIC = int.from_bytes(b"\0REQ", "big")
RESPONSE_MAGIC = int.from_bytes(b"\0RES", "big")

_pack = HEADER.pack


def request(command: int, *args: bytes) -> bytes:
    """Encode a packet that a client or worker sends."""
    body = b"\0".join(args)
    return _pack(REQUEST_MAGIC, command, len(body)) + body


def response(command: int, *args: bytes) -> bytes:
    """Encode a packet that a server sends."""
    body = b"\0".join(args)
    return _pack(RESPONSE_MAGIC, command, len(body)) + body


def error(code: bytes, text: bytes) -> bytes:
    """Encode an ERROR; codes and texts are gearmand's where gearmand has one."""
    return response(commands.ERROR, code, text)


# What never changes is encoded once.
NO_JOB = response(commands.NO_JOB)
NOOP = response(commands.NOOP)
PRE_SLEEP = request(commands.PRE_SLEEP)
GRAB_JOB_UNIQ = request(commands.GRAB_JOB_UNIQ)
