"""Writes that wait for the end of the loop's round: what several reads queue for one peer is one write then.

A read's own peer is answered at once. Others, a client whose result has come or a worker to be woken, are written to
when everything that could be read has been. Where many of them wait there is much traffic, and they wait for one round
more: a client gets several results in one write then, and hardly later, for all wait for the processor meanwhile.
Measured with 8 clients and 8 workers: 1.4 times the round trips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from gearbridge.core.peer import Peer

#: So many peers that wait are much traffic.
MANY = 4


def write_outboxes(peers: Iterable[Peer]) -> None:
    """Write to each what waits for it, once; not to those that are gone."""
    for peer in peers:
        if not peer.closed:
            peer.owner.write_outbox()  # type: ignore[attr-defined]  # owner is what `connect` was given


class DeferredWrites:
    """The peers to write to in a moment."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._young: list[Peer] = []  # of this round
        self._old: list[Peer] = []  # of the round before

    def add(self, peers: list[Peer]) -> None:
        """Write to these soon."""
        if not self._young and not self._old:
            self._loop.call_soon(self._end_round)
        self._young += peers

    def write(self) -> None:
        """Write to all of them now."""
        peers, self._young, self._old = self._old + self._young, [], []
        write_outboxes(peers)

    def _end_round(self) -> None:
        if len(self._young) < MANY:
            self.write()
            return
        peers, self._old, self._young = self._old, self._young, []
        self._loop.call_soon(self._end_round)
        write_outboxes(peers)
