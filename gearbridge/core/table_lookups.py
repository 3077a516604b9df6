"""Replies that only the job table can give, about jobs that are not in memory. They are held until it was asked."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from .journal import look_after
from .pending_reply import PendingReply, TableLookup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gearbridge.records import WaitingJob

    from .peer import Peer
    from .pending_reply import Answer
    from .state import State


class TableLookups:
    """Pending lookups. They follow all that was written before, so they are made after the next commit group.

    `patience` is how many seconds a reply waits for the table. As in the journal no lookup has a time of its own:
    each call of `refuse_overdue` remembers those that had come by then.
    """

    def __init__(self, state: State, patience: float) -> None:
        self._waiting: list[TableLookup] = []  # to be made
        self._state = state
        self._patience = patience
        self._watched = False  # whether a tick is planned that calls `refuse_overdue`
        self._new: list[TableLookup] = []  # since it was called last
        # At each call, those that had come since the one before.
        self._seen: deque[tuple[float, list[TableLookup]]] = deque()

    def ask(self, peer: Peer, handle: bytes, answer: Answer, failed: Callable[[str], bytes]) -> None:
        """Promise the peer an answer."""
        lookup = TableLookup(handle, answer, failed, PendingReply())
        self._waiting.append(lookup)
        self._state.signals.wants_lookup = True
        peer.hold(lookup.ticket)
        if self._patience != math.inf:
            self._new.append(lookup)
            if not self._watched:
                self._watched = self._state.signals.wants_tick = True

    def take(self) -> list[TableLookup]:
        """Return the lookups to make now."""
        self._state.signals.wants_lookup = False
        asked, self._waiting = self._waiting, []
        return asked

    def refuse_overdue(self, now: float) -> float | None:
        """Answer what has waited for too long; return in how many seconds to look again, None while nothing waits."""
        if not self._watched:
            return None
        self._seen.append((now, self._new))
        self._new = []
        while self._seen and now - self._seen[0][0] >= self._patience:
            reply(self._seen.popleft()[1], self._state.store_trouble)
        left = [(since, _unanswered(lookups)) for since, lookups in self._seen]
        self._seen = deque((since, lookups) for since, lookups in left if lookups)
        self._watched = bool(self._seen)
        return look_after(self._patience) if self._watched else None


def _unanswered(lookups: Sequence[TableLookup]) -> list[TableLookup]:
    """Return those that still wait for their answer."""
    return [lookup for lookup in lookups if not lookup.is_answered]


def reply(lookups: Sequence[TableLookup], found: Mapping[bytes, WaitingJob] | str) -> None:
    """Give the held replies: of the jobs that were found, or why the table could not be asked; each lookup's once."""
    for lookup in _unanswered(lookups):
        if isinstance(found, str):
            lookup.ticket.reply = lookup.failed(found)
        else:
            lookup.ticket.reply = lookup.answer(lookup.handle, found.get(lookup.handle))
        for peer in lookup.ticket.peers:
            peer.release()
