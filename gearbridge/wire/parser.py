"""Parsing: bytes in, `(command, args)` out, in one walk over the bytes. It knows no meaning, only the table's arity.

Rules of this file:
1. `feed` never raises on what the other side sends. What is no packet of the table comes out as one of the outcomes
   `WRONG_MAGIC`, `UNKNOWN`, `MALFORMED` or `POISON` (see commands.py), in its place in the stream.
2. After `POISON` the stream cannot be followed: everything later is ignored.
3. Nothing is allocated for a size that was only announced: memory grows with the bytes that came.
"""

from __future__ import annotations

from collections.abc import Sequence

from .commands import ARITY, LAST, MALFORMED, MAY_LACK_PAYLOAD, POISON, TEXT, UNKNOWN, WRONG_MAGIC
from .packets import HEADER, HEADER_SIZE, REQUEST_MAGIC, RESPONSE_MAGIC

Packet = tuple[int, Sequence[bytes]]

#: Largest packet by default, in bytes of its body. gearmand has no limit and reserves what is announced (up to 4 GiB).
MAX_PACKET = 64 * 1024 * 1024
#: Longest text line, in bytes, as gearmand's receive buffer.
MAX_LINE = 8192

_MAGICS = (REQUEST_MAGIC, RESPONSE_MAGIC)
_unpack_header = HEADER.unpack_from


class PacketParser:
    """One connection's incoming bytes.

    `expect` is the magic of the packets to come: REQUEST_MAGIC for a server, RESPONSE_MAGIC for clients and workers.
    `max_packet` is the largest body taken, in bytes; a larger one is POISON.
    """

    __slots__ = ("_awaited", "_chunks", "_expect", "_gathered", "_max_packet", "_poisoned")

    def __init__(self, expect: int = REQUEST_MAGIC, max_packet: int = MAX_PACKET) -> None:
        self._expect = expect
        self._max_packet = max_packet
        self._chunks: list[bytes] = []  # an incomplete packet's bytes so far
        self._gathered = 0  # their total size
        self._awaited = 0  # size at which another walk can make progress
        self._poisoned = False

    def feed(self, data: bytes) -> list[Packet]:
        """Take the next bytes; return the packets they complete, in order."""
        if self._gathered:
            # A large packet arrives in many pieces; joining once, when it is whole, keeps that linear.
            self._chunks.append(data)
            self._gathered += len(data)
            if self._gathered < self._awaited:
                return []
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._gathered = 0
        if self._poisoned:
            return []
        return self._walk(data)

    @property
    def gathered(self) -> int:
        """How many bytes there are of a packet that has begun and is not whole."""
        return self._gathered

    def _walk(self, data: bytes) -> list[Packet]:
        packets: list[Packet] = []
        append = packets.append
        expect = self._expect
        arity_of = ARITY
        offset = 0
        end = len(data)
        awaited = HEADER_SIZE
        while offset < end:
            if data[offset]:
                line_end = data.find(b"\n", offset, offset + MAX_LINE)
                if line_end < 0:
                    awaited = 1
                    break
                append((TEXT, (data[offset:line_end].rstrip(b"\r"),)))
                offset = line_end + 1
                continue
            start = offset + HEADER_SIZE
            if start > end:
                break
            magic, command, size = _unpack_header(data, offset)
            if (magic != expect and magic not in _MAGICS) or size > self._max_packet:
                append(self._poison(magic, size))
                return packets
            stop = start + size
            if stop > end:
                awaited = HEADER_SIZE + size
                break
            offset = stop
            if magic != expect or not 0 < command <= LAST:
                append((UNKNOWN if magic == expect else WRONG_MAGIC, (b"%d" % command,)))
                continue
            arity = arity_of[command]
            args: Sequence[bytes] = ()
            if arity > 1:
                args = data[start:stop].split(b"\0", arity - 1)
                if len(args) != arity:
                    if len(args) != arity - 1 or command not in MAY_LACK_PAYLOAD:
                        append((MALFORMED, (b"%d" % command,)))
                        continue
                    args = (*args, b"")
            elif arity:
                args = (data[start:stop],)
            append((command, args))
        rest = end - offset
        if rest > 0:
            if awaited == 1 and rest >= MAX_LINE:
                append(self._poison_line())
                return packets
            self._chunks.append(data[offset:])
            self._gathered = rest
            self._awaited = awaited
        return packets

    def _poison(self, magic: int, size: int) -> Packet:
        self._poisoned = True
        if magic not in _MAGICS:
            return (POISON, (b"INVALID_MAGIC", b"Request magic expected"))
        return (POISON, (b"ARGUMENT_TOO_LARGE", b"Packet of %d bytes is over the limit" % size))

    def _poison_line(self) -> Packet:
        self._poisoned = True
        return (POISON, (b"ARGUMENT_TOO_LARGE", b"Text line too long"))
