"""Parsing: bytes in, `(command, args)` out, in one walk over the bytes. It knows no meaning, only the table's arity.

Rules of this file:
1. `feed` never raises on what the other side sends. What is no packet of the table comes out as one of the outcomes
   `WRONG_MAGIC`, `UNKNOWN`, `MALFORMED`, `OVERSIZE` or `POISON` (see commands.py), in its place in the stream.
2. After `POISON` the stream cannot be followed: everything later is ignored.
3. Nothing is allocated for a size that was only announced: memory grows with the bytes that came.
4. A request over the limit is skipped as it comes, and none of it is kept but its first bytes, which name its job.
5. `feed` begins no packet beyond `most` bytes of what it has; the packets behind come from `feed(b"")` while `more`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .commands import ARITY, LAST, MALFORMED, MAY_LACK_PAYLOAD, OVERSIZE, POISON, TEXT, UNKNOWN, WRONG_MAGIC
from .packets import HEADER, HEADER_SIZE, REQUEST_MAGIC, RESPONSE_MAGIC

Packet = tuple[int, Sequence[bytes]]

#: Largest packet by default, in bytes of its body. gearmand has no limit and reserves what is announced (up to 4 GiB).
MAX_PACKET = 64 * 1024 * 1024
#: Longest text line, in bytes, as gearmand's receive buffer.
MAX_LINE = 8192
#: Bytes of a packet over the limit that are passed on: enough for a handle or a function's name.
OVERSIZE_HEAD = 600

#: More bytes than ever come, or are here.
_FOR_GOOD = 2**63
_MAGICS = (REQUEST_MAGIC, RESPONSE_MAGIC)
_unpack_header = HEADER.unpack_from


class PacketParser:
    """One connection's incoming bytes.

    `expect` is the magic of the packets to come: REQUEST_MAGIC for a server, RESPONSE_MAGIC for clients and workers.
    `max_packet` is the largest body taken, in bytes; a larger request is OVERSIZE, a larger response POISON.
    `most` limits what one `feed` parses, in bytes; what is behind it waits for the next, and `more` is true.
    """

    __slots__ = ("_awaited", "_chunks", "_expect", "_gathered", "_max_packet", "_most", "_offset", "_skip", "more")

    def __init__(self, expect: int = REQUEST_MAGIC, max_packet: int = MAX_PACKET, most: int = _FOR_GOOD) -> None:
        self._expect = expect
        self._max_packet = max_packet
        self._most = most
        self._offset = 0  # where the incomplete packet begins, in the first chunk
        self.more = False  # the last `feed` has stopped at `most`
        self._chunks: list[bytes] = []  # an incomplete packet's bytes so far
        self._gathered = 0  # their total size
        self._awaited = 0  # size at which another walk can make progress
        self._skip = 0  # bytes to come that are ignored: of a packet over the limit, or all after POISON

    def feed(self, data: bytes) -> list[Packet]:
        """Take the next bytes; return the packets they complete, in order."""
        if self._gathered:
            # A large packet arrives in many pieces; joining once, when it is whole, keeps that linear.
            if data:
                self._chunks.append(data)
                self._gathered += len(data)
            if self._gathered < self._awaited:
                return []
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._gathered = 0
            if self.more:
                self.more = False
                return self._walk(data, self._offset)
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            if skipped == len(data):
                return []
            data = data[skipped:]
        return self._walk(data)

    @property
    def gathered(self) -> int:
        """Number of bytes buffered of an incomplete packet."""
        return self._gathered

    @property
    def is_amid_packet(self) -> bool:
        """Whether there is an incomplete packet."""
        return self._gathered > 0 or 0 < self._skip < _FOR_GOOD

    def _walk(self, data: bytes, offset: int = 0) -> list[Packet]:
        packets: list[Packet] = []
        append = packets.append
        expect = self._expect
        arity_of = ARITY
        end = len(data)
        last = end if end - offset <= self._most else offset + self._most
        awaited = HEADER_SIZE
        while offset < last:
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
                stop = self._refuse(packets, data, offset)
                if stop == offset:  # its first bytes are not all here
                    awaited = HEADER_SIZE + min(size, OVERSIZE_HEAD)
                    break
                offset = stop
                continue
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
        if offset < end:
            self._keep(packets, data, offset, awaited if offset < last else 0)
        return packets

    def _keep(self, packets: list[Packet], data: bytes, offset: int, awaited: int) -> None:
        """Keep what begins at `offset` until there are `awaited` bytes of it; 0: until more is asked for."""
        self._gathered = len(data) - offset
        self._awaited = awaited
        if not awaited:  # much may be left, and is not copied for each part
            self._chunks.append(data)
            self._offset = offset
            self.more = True
        elif awaited == 1 and self._gathered >= MAX_LINE:
            self._gathered = 0
            packets.append(self._poison_line())
        else:
            self._chunks.append(data[offset:])

    def _refuse(self, packets: list[Packet], data: bytes, offset: int) -> int:
        """Take what begins at `offset` as POISON or OVERSIZE, and return where to go on."""
        magic, command, size = _unpack_header(data, offset)
        size = int(size)
        end = len(data)
        if magic != self._expect or self._expect != REQUEST_MAGIC:
            packets.append(self._poison(magic, size))
            return end
        start = offset + HEADER_SIZE
        head = min(size, OVERSIZE_HEAD)
        if start + head > end:
            return offset
        packets.append((OVERSIZE, (b"%d" % command, data[start : start + head], b"%d" % size)))
        self._skip = max(0, start + size - end)
        return min(start + size, end)

    def _poison(self, magic: int, size: int) -> Packet:
        self._skip = _FOR_GOOD
        if magic not in _MAGICS:
            return (POISON, (b"INVALID_MAGIC", b"Request magic expected"))
        return (POISON, (b"ARGUMENT_TOO_LARGE", b"Packet of %d bytes is over the limit" % size))

    def _poison_line(self) -> Packet:
        self._skip = _FOR_GOOD
        return (POISON, (b"ARGUMENT_TOO_LARGE", b"Text line too long"))
