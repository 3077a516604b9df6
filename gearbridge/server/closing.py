"""The end of a connection whose last answer is still on its way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gearbridge.wire.parser import Packet

#: Seconds for which what a peer still sends is read and dropped, before it is closed.
LINGER = 2.0


def closes_when_read(transport: asyncio.Transport) -> bool:
    """End our side and close a little later, where the transport can; return whether the peer is read from until then.

    Unread bytes would make the system throw away what the peer has not read yet of our last answer.
    """
    if not transport.can_write_eof():
        transport.close()
        return False
    transport.write_eof()
    asyncio.get_running_loop().call_later(LINGER, transport.close)
    return True


def drop(_data: bytes) -> list[Packet]:
    """Drop what a connection that is about to be closed still sends."""
    return []
